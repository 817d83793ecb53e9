//! What is kept in a server's folder about it.

use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use anyhow::Context as _;
use toml::{Table, Value};

/// Readable by its owner only: it has the password.
const FILE: &str = "server.toml";

/// How to reach the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct State {
    pub(crate) port: u16,
    pub(crate) password: String,
}

impl State {
    /// A port that is free now, and a password that nobody knows.
    pub(crate) fn fresh() -> anyhow::Result<Self> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).context("no randomness")?;
        Ok(Self { port: free_port()?, password: hex::encode(bytes) })
    }

    /// None where no server was prepared.
    pub(crate) fn read(folder: &Path) -> anyhow::Result<Option<Self>> {
        let path = folder.join(FILE);
        if !path.exists() {
            return Ok(None);
        }
        let table: Table =
            std::fs::read_to_string(&path).and_then(|text| text.parse().map_err(std::io::Error::other))?;
        let port = table.get("port").and_then(Value::as_integer).and_then(|port| u16::try_from(port).ok());
        let password = table.get("password").and_then(Value::as_str).map(str::to_owned);
        let state = port.zip(password).map(|(port, password)| Self { port, password });
        Ok(Some(state.with_context(|| format!("damaged: {}", path.display()))?))
    }

    /// Replaces the file as a whole: its presence says that the folder is complete.
    pub(crate) fn write(&self, folder: &Path) -> anyhow::Result<()> {
        let (path, new) = (folder.join(FILE), folder.join("server.toml.new"));
        let mut file = File::options().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
        writeln!(file, "port = {}\npassword = \"{}\"", self.port, self.password)?;
        Ok(std::fs::rename(new, path)?)
    }
}

/// A free port below those that outgoing connections take by themselves: a server that is down must find its own again.
pub(crate) fn free_port() -> anyhow::Result<u16> {
    const FIRST: u16 = 20_000;
    const COUNT: u16 = 12_000;
    for _ in 0..100 {
        let mut bytes = [0; 2];
        getrandom::fill(&mut bytes).context("no randomness")?;
        let port = FIRST + u16::from_le_bytes(bytes) % COUNT;
        if std::net::TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return Ok(port);
        }
    }
    anyhow::bail!("no free port on 127.0.0.1")
}
