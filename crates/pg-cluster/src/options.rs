//! How a server is to be.

/// What can be chosen when a server's folder is made. Kept in the folder: later starts find it there.
#[derive(Debug, Clone)]
pub struct Options {
    pub(crate) fsync: bool,
    pub(crate) detached: bool,
    pub(crate) settings: Vec<(String, String)>,
}

impl Default for Options {
    /// Durable as in production, and gone with its owner.
    fn default() -> Self {
        Self { fsync: true, detached: false, settings: Vec::new() }
    }
}

impl Options {
    /// Never waits for the disk. For tests that are not about crashes: a killed process loses nothing by it, a power cut may
    /// lose everything.
    #[must_use]
    pub fn without_fsync(mut self) -> Self {
        self.fsync = false;
        self
    }

    /// A line of `postgresql.conf`: `with("max_connections", 20)`.
    #[must_use]
    #[expect(clippy::needless_pass_by_value, reason = "a number or a text, as it comes")]
    pub fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.settings.push((name.to_owned(), value.to_string()));
        self
    }

    /// Goes on when its owner ends. It is made with `initdb` rather than from a template, so it has a system identifier of
    /// its own.
    #[must_use]
    pub fn detached(mut self) -> Self {
        self.detached = true;
        self
    }
}
