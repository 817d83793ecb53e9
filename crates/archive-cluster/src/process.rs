//! One process that serves a folder.

use std::fs::File;
use std::net::{SocketAddr, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};

/// How often a condition is looked at while it is waited for.
const GLANCE: Duration = Duration::from_millis(5);
/// How long a start or an end may take on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);
/// Where a folder keeps the id of its process.
const PID_FILE: &str = "process";

#[derive(Debug)]
pub(crate) struct Process {
    id: Pid,
    /// Absent where another process started it.
    child: Option<Child>,
    guard: Option<Child>,
}

impl Process {
    /// Starts a server of a folder. With a guard it ends with us, even if we are killed.
    pub(crate) fn spawn(mut command: Command, folder: &Path, guarded: bool) -> anyhow::Result<Self> {
        let log = File::options().create(true).append(true).open(folder.join("log"))?;
        // A group of its own: an interrupt typed at our terminal is not meant for it.
        command.process_group(0).current_dir(folder).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let child = command.spawn().with_context(|| format!("cannot start {}", command.get_program().display()))?;
        let id = Pid::from_child(&child);
        let mut process = Self { id, child: Some(child), guard: None };
        if guarded {
            process.guard = Some(guard(id)?);
        }
        std::fs::write(folder.join(PID_FILE), id.as_raw_nonzero().to_string())?;
        Ok(process)
    }

    /// The process that serves a folder, whoever started it.
    pub(crate) fn find(folder: &Path) -> Option<Self> {
        let id = Pid::from_raw(std::fs::read_to_string(folder.join(PID_FILE)).ok()?.trim().parse().ok()?)?;
        let home = std::fs::read_link(format!("/proc/{}/cwd", id.as_raw_nonzero())).ok()?;
        let ours = folder.canonicalize().is_ok_and(|folder| folder == home) && is_alive(id);
        ours.then_some(Self { id, child: None, guard: None })
    }

    pub(crate) fn id(&self) -> u32 {
        self.id.as_raw_nonzero().get().cast_unsigned()
    }

    pub(crate) fn is_alive(&mut self) -> bool {
        match &mut self.child {
            Some(child) => matches!(child.try_wait(), Ok(None)),
            None => is_alive(self.id),
        }
    }

    /// Waits until it takes connections. An error: it ended, or takes too long.
    pub(crate) fn wait_ready(&mut self, address: SocketAddr) -> anyhow::Result<()> {
        let alive = wait("the server does not get ready", || {
            let alive = self.is_alive();
            (TcpStream::connect_timeout(&address, PATIENCE).is_ok() || !alive).then_some(alive)
        })?;
        ensure!(alive, "the server ended");
        Ok(())
    }

    /// Ends it with a signal, and waits.
    pub(crate) fn end(mut self, signal: Signal) -> anyhow::Result<()> {
        if self.is_alive() {
            kill_process(self.id, signal).context("cannot signal the server")?;
        }
        wait("the server does not end", || (!self.is_alive()).then_some(()))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // The guard first: until the server is buried, its id cannot belong to anybody else.
        if let Some(guard) = &mut self.guard {
            drop(guard.kill());
            drop(guard.wait());
        }
    }
}

/// Waits for the end of its input, which comes with our end, and then ends the server at once.
fn guard(id: Pid) -> anyhow::Result<Child> {
    let script = format!("read _; kill -KILL {}", id.as_raw_nonzero());
    let mut command = Command::new("sh");
    command.args(["-c", &script]).process_group(0).current_dir("/");
    let command = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().context("cannot start the server's guard")
}

/// Looks again and again until there is an answer.
fn wait<T>(otherwise: &str, mut look: impl FnMut() -> Option<T>) -> anyhow::Result<T> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return Ok(found);
        }
        if Instant::now() > deadline {
            bail!("{otherwise} within {PATIENCE:?}");
        }
        std::thread::sleep(GLANCE);
    }
}

/// Whether it is there and not merely unburied.
fn is_alive(id: Pid) -> bool {
    let text = std::fs::read_to_string(format!("/proc/{}/stat", id.as_raw_nonzero())).unwrap_or_default();
    // The name stands in parentheses and may have some itself.
    let state = text.rsplit_once(')').and_then(|(_, rest)| rest.trim().chars().next());
    state.is_some_and(|state| state != 'Z' && state != 'X')
}
