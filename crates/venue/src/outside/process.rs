//! The venue as a process.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use anyhow::Context;
use rustix::process::{Pid, Signal, kill_process};

use crate::client::{Client, Key};

/// How long a start, or an end, may take.
const PATIENCE: Duration = Duration::from_mins(2);

/// The binary, and how it is called.
#[derive(Debug, Clone)]
pub struct Binary {
    program: PathBuf,
    environment: Vec<(String, String)>,
}

impl Binary {
    /// A binary without settings of its own.
    pub fn new(program: impl Into<PathBuf>) -> Self {
        Self { program: program.into(), environment: Vec::new() }
    }

    /// The same with a setting: `SEGMENT_MIB` for `BUTTONWOOD_SEGMENT_MIB`.
    #[must_use]
    #[expect(clippy::needless_pass_by_value, reason = "a number or a text, as it comes")]
    pub fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.environment.push((format!("BUTTONWOOD_{name}"), value.to_string()));
        self
    }

    /// A call that was not made yet.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(arguments).stdin(Stdio::null());
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs a subcommand on a data directory to its end.
    pub fn run(&self, subcommand: &[&str], data: &Path) -> anyhow::Result<Output> {
        let data = data.to_str().context("a path that is text")?;
        let output = self.command(&[subcommand, &["--data", data]].concat()).output();
        output.with_context(|| format!("cannot run {} {subcommand:?}", self.program.display()))
    }

    /// The first administrator's key.
    pub fn admin_key(&self, data: &Path) -> anyhow::Result<Key> {
        let output = self.run(&["admin-key"], data)?;
        anyhow::ensure!(output.status.success(), "admin-key: {}", said(&output));
        let text = String::from_utf8(output.stdout)?;
        let find = |label: &str| text.lines().find_map(|line| line.strip_prefix(label)).map(str::to_owned);
        let (api_key, secret) = (find("admin api key: "), find("admin api secret: "));
        Ok(Key { api_key: api_key.context("no key")?, secret: secret.context("no secret")? })
    }

    /// Proves the data directory clean.
    pub fn verify(&self, data: &Path) -> anyhow::Result<String> {
        let output = self.run(&["verify"], data)?;
        anyhow::ensure!(output.status.success(), "verify is not clean:\n{}", said(&output));
        Ok(said(&output))
    }
}

/// Everything a call printed.
pub fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// A process whose standard output is read line by line. It is killed when it is dropped.
#[derive(Debug)]
pub struct Running {
    child: Child,
    lines: Receiver<String>,
    log: PathBuf,
    /// Where it listens, once it does.
    address: Option<SocketAddr>,
}

impl Running {
    /// Starts `serve` on a port of its own. What it logs is appended to the file beside the data directory.
    pub fn serve(binary: &Binary, data: &Path) -> anyhow::Result<Self> {
        let text = data.to_str().context("a path that is text")?;
        let log = data.with_extension("log");
        let command = binary.command(&["serve", "--data", text, "--listen", "127.0.0.1:0"]);
        Self::spawn(command, log)
    }

    /// Starts any call.
    pub fn spawn(mut command: Command, log: PathBuf) -> anyhow::Result<Self> {
        let stderr = File::options().create(true).append(true).open(&log)?;
        let mut child = command.stdout(Stdio::piped()).stderr(stderr).spawn().context("cannot start the venue")?;
        let stdout = child.stdout.take().context("a piped output")?;
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Ok(Self { child, lines, log, address: None })
    }

    /// Waits until it listens, at most so long; false: it does not yet. An error: it ended.
    pub fn wait_listening(&mut self, timeout: Duration) -> anyhow::Result<bool> {
        let deadline = Instant::now() + timeout;
        while self.address.is_none() {
            match self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => {
                    if let Some(url) = line.strip_prefix("listening on http://") {
                        self.address = Some(url.parse()?);
                    }
                }
                Err(RecvTimeoutError::Timeout) => return Ok(false),
                Err(RecvTimeoutError::Disconnected) => {
                    anyhow::bail!("the venue ended ({}):\n{}", self.child.wait()?, self.logged());
                }
            }
        }
        Ok(true)
    }

    /// Waits until it listens; says where.
    pub fn address(&mut self) -> anyhow::Result<SocketAddr> {
        anyhow::ensure!(self.wait_listening(PATIENCE)?, "the venue does not start:\n{}", self.logged());
        self.address.context("it listens")
    }

    /// A client of a listening venue.
    pub fn client(&mut self, key: &Key) -> anyhow::Result<Client> {
        Ok(Client::new(self.address()?, key))
    }

    /// The next line it prints; absent at the end of its output, or after a long time.
    pub fn line(&mut self) -> Option<String> {
        self.lines.recv_timeout(PATIENCE).ok()
    }

    /// The end of what it has logged.
    pub fn logged(&self) -> String {
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<_> = log.lines().collect();
        lines[lines.len().saturating_sub(30)..].join("\n")
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Kills it as `kill -9` does: nothing is flushed, nothing is said. Every line printed before can still be read.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Asks it to shut down.
    pub fn terminate(&self) -> anyhow::Result<()> {
        let id = Pid::from_raw(i32::try_from(self.child.id())?).context("a process id")?;
        Ok(kill_process(id, Signal::TERM)?)
    }

    /// Waits for its end, at most so long. What it prints meanwhile is lost.
    pub fn wait(&mut self, timeout: Duration) -> anyhow::Result<Option<ExitStatus>> {
        let deadline = Instant::now() + timeout;
        loop {
            // The end of its output is the end of the process.
            match self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(_) => {}
                Err(RecvTimeoutError::Timeout) => return Ok(None),
                Err(RecvTimeoutError::Disconnected) => return Ok(Some(self.child.wait()?)),
            }
        }
    }

    /// Shuts it down and takes nothing but a clean end for an answer.
    pub fn stop(mut self) -> anyhow::Result<()> {
        self.terminate()?;
        let status = self.wait(PATIENCE)?;
        let status = status.with_context(|| format!("the venue does not end:\n{}", self.logged()))?;
        anyhow::ensure!(status.success(), "the venue ended with {status}:\n{}", self.logged());
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
