//! The programs of an installed PostgreSQL, and the account they run under.

use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use anyhow::{Context as _, bail, ensure};

/// Where Debian keeps them, one directory for each version.
const DEBIAN: &str = "/usr/lib/postgresql";

/// Names a directory with other binaries.
const OVERRIDE: &str = "BUTTONWOOD_POSTGRES_BIN";

/// The first version that will do.
const VERSION_MIN: u32 = 15;

/// What to say where there is no server. One line.
pub const MISSING: &str = "PostgreSQL's server is not installed: apt-get install postgresql-15";

/// An installed server.
#[derive(Debug, Clone)]
pub struct Binaries {
    directory: PathBuf,
    /// The version as the server says it: `15.18`.
    version: String,
    account: Option<Account>,
}

/// Whom the server runs as where we are root.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Account {
    pub(crate) user: u32,
    pub(crate) group: u32,
}

impl Binaries {
    /// The newest version in Debian's place, or else what the search path finds. `BUTTONWOOD_POSTGRES_BIN` overrides both.
    pub fn find() -> anyhow::Result<Self> {
        let directory = match std::env::var_os(OVERRIDE) {
            Some(directory) => PathBuf::from(directory),
            None => newest().or_else(on_path).context(MISSING)?,
        };
        let output = Command::new(directory.join("postgres")).arg("--version").stdin(Stdio::null()).output();
        let output = output.with_context(|| format!("{MISSING} (tried {})", directory.display()))?;
        let version = String::from_utf8_lossy(&output.stdout).split_whitespace().nth(2).map(str::to_owned);
        let version = version.with_context(|| format!("no version from {}/postgres", directory.display()))?;
        let major = version.split(|letter: char| !letter.is_ascii_digit()).next().and_then(|major| major.parse().ok());
        ensure!(major >= Some(VERSION_MIN), "PostgreSQL {version} in {} is too old: {MISSING}", directory.display());
        Ok(Self { directory, version, account: Account::needed()? })
    }

    /// The version as the server says it: `15.18`.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Where one of the programs is.
    pub fn path(&self, program: &str) -> PathBuf {
        self.directory.join(program)
    }

    /// Whether a server could have its folder in this directory: the user `postgres` may not be let in where root works.
    pub fn may_enter(&self, directory: &Path) -> bool {
        self.account.is_none_or(|account| account.reaches(directory))
    }

    pub(crate) fn account(&self) -> Option<Account> {
        self.account
    }

    /// One of the programs, under the server's account and in an environment that says nothing about other servers.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.path(program));
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("PG") {
                command.env_remove(name);
            }
        }
        // Wherever we are, the account may not be let in.
        command.current_dir("/").env("LC_ALL", "C").env("TZ", "UTC").stdin(Stdio::null());
        if let Some(account) = self.account {
            command.uid(account.user).gid(account.group);
        }
        command
    }
}

impl Account {
    /// None where we are not root: the server then runs as whoever we are.
    fn needed() -> anyhow::Result<Option<Self>> {
        if !rustix::process::geteuid().is_root() {
            return Ok(None);
        }
        let id = |option: &str| -> anyhow::Result<u32> {
            let output = Command::new("id").args([option, "postgres"]).stdin(Stdio::null()).output()?;
            ensure!(
                output.status.success(),
                "root may not run PostgreSQL, and there is no user `postgres` to run it as"
            );
            Ok(String::from_utf8_lossy(&output.stdout).trim().parse()?)
        };
        Ok(Some(Self { user: id("-u")?, group: id("-g")? }))
    }

    /// Whether it may enter a directory.
    pub(crate) fn reaches(self, directory: &Path) -> bool {
        let mut test = Command::new("test");
        test.arg("-x").arg(directory).current_dir("/").uid(self.user).gid(self.group);
        test.status().is_ok_and(|status| status.success())
    }
}

/// Runs a program to its end, with something to read. Gives what it printed; its failure is ours, with its words.
pub(crate) fn run(command: &mut Command, input: &str) -> anyhow::Result<String> {
    let name = Path::new(command.get_program()).file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {name}"))?;
    if let Some(mut stdin) = child.stdin.take() {
        // One that does not read ends earlier; its status says whether that was right.
        drop(stdin.write_all(input.as_bytes()));
    }
    let Output { status, stdout, stderr } = child.wait_with_output()?;
    if !status.success() {
        bail!("{name} failed ({status}): {}", String::from_utf8_lossy(&stderr).trim());
    }
    Ok(String::from_utf8_lossy(&stdout).trim_end().to_owned())
}

fn newest() -> Option<PathBuf> {
    let entries = std::fs::read_dir(DEBIAN).ok()?.filter_map(Result::ok);
    let versions = entries.filter_map(|entry| {
        let version: u32 = entry.file_name().to_str()?.parse().ok()?;
        let directory = entry.path().join("bin");
        has_server(&directory).then_some((version, directory))
    });
    versions.max().map(|(_, directory)| directory)
}

fn on_path() -> Option<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?).find(|directory| has_server(directory))
}

/// Clients alone, as Debian's `postgresql-client-15` leaves them in the same place, will not do.
fn has_server(directory: &Path) -> bool {
    ["postgres", "initdb"].iter().all(|program| directory.join(program).is_file())
}
