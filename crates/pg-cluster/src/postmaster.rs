//! A running server's processes.

use std::fs::File;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};

use crate::binaries::Binaries;

/// How often a condition is looked at while it is waited for.
const GLANCE: Duration = Duration::from_millis(5);

/// The first process of a server, the parent of the others.
#[derive(Debug)]
pub(crate) struct Postmaster {
    id: Pid,
    data: PathBuf,
    /// Absent where another process started it.
    child: Option<Child>,
    guard: Option<Child>,
}

/// How a server is asked to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shutdown {
    /// Clients are sent away, everything is written.
    Fast,
    /// Nothing is written; the next start recovers.
    Immediate,
}

impl Postmaster {
    /// Starts a server on a data directory. With a guard it ends with us, even if we are killed.
    pub(crate) fn spawn(binaries: &Binaries, data: &Path, port: u16, guarded: bool) -> anyhow::Result<Self> {
        let folder = data.parent().context("a folder around the data directory")?;
        forget_unburied(folder, data)?;
        let log = File::options().create(true).append(true).open(folder.join("log"))?;
        let mut command = binaries.command("postgres");
        command.arg("-D").arg(data).args(["-c", "listen_addresses=127.0.0.1", "-p", &port.to_string()]);
        command.args(["-k", socket_directory(folder)]);
        // A group of its own: an interrupt typed at our terminal is not meant for it.
        command.process_group(0).stdout(log.try_clone()?).stderr(log);
        let child = command.spawn().context("cannot start postgres")?;
        let id = Pid::from_child(&child);
        let mut postmaster = Self { id, data: data.to_owned(), child: Some(child), guard: None };
        if guarded {
            postmaster.guard = Some(guard(id)?);
        }
        Ok(postmaster)
    }

    /// The server that runs on a data directory, whoever started it.
    pub(crate) fn find(data: &Path) -> Option<Self> {
        let id = PidFile::read(data)?.id;
        let home = std::fs::read_link(format!("/proc/{}/cwd", id.as_raw_nonzero())).ok()?;
        let ours = data.canonicalize().is_ok_and(|data| data == home) && is_alive(id);
        ours.then(|| Self { id, data: data.to_owned(), child: None, guard: None })
    }

    pub(crate) fn id(&self) -> Pid {
        self.id
    }

    /// Waits until it takes connections. An error: it ended, or takes too long.
    pub(crate) fn wait_ready(&mut self, patience: Duration) -> anyhow::Result<()> {
        let ended = !wait(patience, "the server does not get ready", || {
            let file = PidFile::read(&self.data).filter(|file| file.id == self.id);
            let ready = file.is_some_and(|file| file.status == "ready" || file.status == "standby");
            let alive = self.is_alive();
            (ready || !alive).then_some(alive)
        })?;
        ensure!(!ended, "the server ended");
        Ok(())
    }

    /// Asks it to end, and waits.
    pub(crate) fn shut_down(&mut self, how: Shutdown, patience: Duration) -> anyhow::Result<()> {
        self.signal(match how {
            Shutdown::Fast => Signal::INT,
            Shutdown::Immediate => Signal::QUIT,
        })?;
        wait(patience, "the server does not end", || (!self.is_alive()).then_some(()))
    }

    /// Ends it by whatever works: asked, it takes its shared memory with it.
    pub(crate) fn end(mut self, patience: Duration) -> anyhow::Result<()> {
        self.shut_down(Shutdown::Immediate, patience).or_else(|_| self.kill())
    }

    /// Kills all of its processes as `kill -9` does. They are gone when it returns.
    pub(crate) fn kill(mut self) -> anyhow::Result<()> {
        const PATIENCE: Duration = Duration::from_secs(20);
        // Stopped, it starts no more processes and buries none: their ids stay theirs until it dies itself.
        self.signal(Signal::STOP)?;
        wait(PATIENCE, "the server does not stop", || {
            (!self.is_alive() || state_of(self.id).is_some_and(|(state, _)| state == 'T')).then_some(())
        })?;
        let children = children_of(self.id)?;
        for process in children.iter().copied().chain([self.id]) {
            // One that has ended already is as good.
            let _ = kill_process(process, Signal::KILL);
        }
        wait(PATIENCE, "the server does not die", || (!self.is_alive()).then_some(()))?;
        wait(PATIENCE, "the server's processes do not die", || {
            children.iter().all(|child| !is_postgres(*child)).then_some(())
        })?;
        self.release_memory();
        Ok(())
    }

    /// Whether it has not ended yet.
    pub(crate) fn is_alive(&mut self) -> bool {
        match &mut self.child {
            Some(child) => matches!(child.try_wait(), Ok(None)),
            None => is_alive(self.id),
        }
    }

    fn signal(&mut self, signal: Signal) -> anyhow::Result<()> {
        if self.is_alive() {
            kill_process(self.id, signal).context("cannot signal the server")?;
        }
        Ok(())
    }

    /// A killed server leaves a small segment of System V shared memory, of which a machine has a few thousand.
    fn release_memory(&self) {
        if let Some(memory) = PidFile::read(&self.data).and_then(|file| file.memory) {
            let mut command = Command::new("ipcrm");
            command.args(["-m", &memory.to_string()]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            // The next start would take it over: not worth an error.
            drop(command.status());
        }
    }
}

impl Drop for Postmaster {
    fn drop(&mut self) {
        // The guard first: until the server is buried below, its id cannot belong to anybody else.
        if let Some(guard) = &mut self.guard {
            drop(guard.kill());
            drop(guard.wait());
        }
    }
}

/// What the server writes about itself into `postmaster.pid`.
#[derive(Debug)]
struct PidFile {
    id: Pid,
    memory: Option<u64>,
    status: String,
}

impl PidFile {
    fn read(data: &Path) -> Option<Self> {
        let text = std::fs::read_to_string(data.join("postmaster.pid")).ok()?;
        let lines: Vec<&str> = text.lines().collect();
        let id = Pid::from_raw(lines.first()?.trim().parse().ok()?)?;
        let memory = lines.get(6).and_then(|line| line.split_whitespace().nth(1)?.parse().ok());
        Some(Self { id, memory, status: lines.get(7).unwrap_or(&"").trim().to_owned() })
    }
}

/// A postmaster that is dead but was not buried, as happens in containers, counts as running for the next one. That one still
/// looks for orphans of the old one by their shared memory, so it may do without these files.
fn forget_unburied(folder: &Path, data: &Path) -> std::io::Result<()> {
    if PidFile::read(data).is_some_and(|file| state_of(file.id).is_some_and(|(state, _)| state == 'Z')) {
        std::fs::remove_file(data.join("postmaster.pid"))?;
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "lock") {
                std::fs::remove_file(path)?;
            }
        }
    }
    Ok(())
}

/// A socket's path has 107 bytes at most; without one there is TCP.
fn socket_directory(folder: &Path) -> &str {
    folder.to_str().filter(|folder| folder.len() < 80).unwrap_or("")
}

/// Waits for the end of its input, which comes with our end, and then ends the server at once.
fn guard(id: Pid) -> anyhow::Result<Child> {
    let script = format!("read _; kill -QUIT {}", id.as_raw_nonzero());
    let mut command = Command::new("sh");
    command.args(["-c", &script]).process_group(0).current_dir("/");
    let command = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().context("cannot start the server's guard")
}

/// Looks again and again until there is an answer.
fn wait<T>(patience: Duration, otherwise: &str, mut look: impl FnMut() -> Option<T>) -> anyhow::Result<T> {
    let deadline = Instant::now() + patience;
    loop {
        if let Some(found) = look() {
            return Ok(found);
        }
        if Instant::now() > deadline {
            bail!("{otherwise} within {patience:?}");
        }
        std::thread::sleep(GLANCE);
    }
}

/// The state letter and the parent of a process.
fn state_of(id: Pid) -> Option<(char, Pid)> {
    let text = std::fs::read_to_string(format!("/proc/{}/stat", id.as_raw_nonzero())).ok()?;
    // The name stands in parentheses and may have some itself.
    let mut fields = text.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?.chars().next()?;
    Some((state, Pid::from_raw(fields.next()?.parse().ok()?)?))
}

/// Whether it is there and not merely unburied.
fn is_alive(id: Pid) -> bool {
    state_of(id).is_some_and(|(state, _)| state != 'Z' && state != 'X')
}

fn is_postgres(id: Pid) -> bool {
    let name = std::fs::read_to_string(format!("/proc/{}/comm", id.as_raw_nonzero()));
    name.is_ok_and(|name| name.trim() == "postgres") && is_alive(id)
}

fn children_of(parent: Pid) -> anyhow::Result<Vec<Pid>> {
    let ids = std::fs::read_dir("/proc")?.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let processes = ids.filter_map(Pid::from_raw);
    Ok(processes.filter(|id| state_of(*id).is_some_and(|(_, of)| of == parent)).collect())
}
