//! One private server.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;
use rustix::process::Signal;
use tempfile::TempDir;

use crate::process::Process;
use crate::{python, rust};

/// Which database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Speaks the protocol of MongoDB: `nx-27017`, a re-implementation on SQLite, not MongoDB itself.
    MongoDb,
    /// Speaks the protocol of DynamoDB: `dynoxide`, a re-implementation on SQLite, not DynamoDB itself.
    DynamoDb,
}

/// A server in a folder of its own: `data`, `log`, `port`.
///
/// It listens on 127.0.0.1, on a port that stays the same, without authentication. Dropped, it ends at once, unless it was detached.
#[derive(Debug)]
pub struct Server {
    kind: Kind,
    folder: PathBuf,
    port: u16,
    detached: bool,
    running: Option<Process>,
    /// Where the folder is ours to remove.
    temporary: Option<TempDir>,
}

impl Server {
    /// A server in a new folder, which goes with it.
    pub fn temporary(kind: Kind) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("buttonwood-archive-").tempdir()?;
        let mut server = Self::start(kind, folder.path(), false)?;
        server.temporary = Some(folder);
        Ok(server)
    }

    /// Starts the server of a folder, and makes both if there is none. Ready for connections when it returns. Detached, it stays when
    /// this is dropped.
    pub fn start(kind: Kind, folder: &Path, detached: bool) -> anyhow::Result<Self> {
        let folder = std::path::absolute(folder)?;
        std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        if let Some(stale) = Process::find(&folder) {
            stale.end(Signal::KILL)?;
        }
        let known = read_port(&folder);
        let mut server =
            Self { kind, port: known.unwrap_or_default(), folder, detached, running: None, temporary: None };
        if known.is_some() {
            server.launch()?;
        } else {
            server.first_launch()?;
        }
        Ok(server)
    }

    /// The server of a folder that was made earlier, as it is: running or not. It stays when this is dropped. None: there is none.
    pub fn open(kind: Kind, folder: &Path) -> anyhow::Result<Option<Self>> {
        let folder = std::path::absolute(folder)?;
        let running = Process::find(&folder);
        let found = read_port(&folder);
        Ok(found.map(|port| Self { kind, folder, port, detached: true, running, temporary: None }))
    }

    /// How to reach it: the URL of a database of MongoDB begins so, and is the endpoint of a DynamoDB.
    pub fn url(&self) -> String {
        match self.kind {
            Kind::MongoDb => format!("mongodb://{}", self.address()),
            Kind::DynamoDb => format!("http://{}", self.address()),
        }
    }

    /// Where it listens, for its whole life.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.port))
    }

    /// The process id, while it runs.
    pub fn process_id(&self) -> Option<u32> {
        self.running.as_ref().map(Process::id)
    }

    /// Whether it runs.
    pub fn is_running(&mut self) -> bool {
        self.running.as_mut().is_some_and(Process::is_alive)
    }

    /// Kills it as `kill -9` does. It is gone when this returns.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        self.running.take().map_or(Ok(()), |process| process.end(Signal::KILL))
    }

    /// Asks it to end, and waits.
    pub fn stop(&mut self) -> anyhow::Result<()> {
        self.running.take().map_or(Ok(()), |process| process.end(Signal::TERM)).with_context(|| self.logged())
    }

    /// Starts it again, after [`Self::kill`] or [`Self::stop`]; one that runs is stopped first. Ready for connections when it returns.
    pub fn restart(&mut self) -> anyhow::Result<()> {
        self.stop()?;
        self.launch()
    }

    /// Leaves the folder of a temporary server behind, for whoever looks for the reason of a failure.
    pub fn keep(&mut self) -> Option<PathBuf> {
        self.temporary.take().map(TempDir::keep)
    }

    /// The end of what the server has logged.
    pub fn logged(&self) -> String {
        let text = std::fs::read(self.folder.join("log")).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<_> = text.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }

    /// The first start may find its port taken in the meantime, and take another.
    fn first_launch(&mut self) -> anyhow::Result<()> {
        const ATTEMPTS: usize = 5;
        for attempt in 1..=ATTEMPTS {
            self.port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
            match self.launch() {
                Err(_) if attempt < ATTEMPTS => {}
                launched => {
                    launched?;
                    break;
                }
            }
        }
        Ok(std::fs::write(self.folder.join("port"), self.port.to_string())?)
    }

    fn launch(&mut self) -> anyhow::Result<()> {
        let mut process = Process::spawn(self.command()?, &self.folder, !self.detached)?;
        let ready = process.wait_ready(self.address());
        // Kept even if it is not ready: it must still end with us.
        self.running = Some(process);
        ready.with_context(|| format!("the log in {} ends with:\n{}", self.folder.display(), self.logged()))
    }

    fn command(&self) -> anyhow::Result<Command> {
        let port = self.port.to_string();
        match self.kind {
            Kind::MongoDb => {
                let mut command = Command::new(python::nx_27017()?);
                command.arg("--data-dir").arg(self.folder.join("data"));
                command.args(["--host", "127.0.0.1", "--port", &port]);
                command.arg("--log-file").arg(self.folder.join("server.log"));
                command.arg("--pid-file").arg(self.folder.join("server.pid"));
                Ok(command)
            }
            Kind::DynamoDb => {
                let mut command = Command::new(rust::dynamodb_server()?);
                command.arg(port).arg(self.folder.join("data"));
                Ok(command)
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(process) = self.running.take().filter(|_| !self.detached) {
            // Nobody is left to tell.
            drop(process.end(Signal::KILL));
        }
    }
}

fn read_port(folder: &Path) -> Option<u16> {
    std::fs::read_to_string(folder.join("port")).ok()?.trim().parse().ok()
}
