//! Other programs.

use std::io::{Read, Write};
use std::process::{Command, ExitStatus, Stdio};

use anyhow::{Context as _, bail};

/// Runs a program in the foreground; its failure is ours.
pub(crate) fn run(command: &mut Command) -> anyhow::Result<()> {
    let status = command.status().with_context(|| format!("cannot start {}", shown(command)))?;
    if !status.success() {
        bail!("failed ({status}): {}", shown(command));
    }
    Ok(())
}

/// Whether a program can be run at all, quietly.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// What a program printed; nothing when it failed.
pub(crate) fn output(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// What a program did, and what it said while we passed it on.
#[derive(Debug)]
pub(crate) struct Heard {
    pub(crate) status: ExitStatus,
    pub(crate) text: String,
}

/// Runs a program, passes on what it prints as it prints it, and keeps a copy.
pub(crate) fn overhear(command: &mut Command) -> anyhow::Result<Heard> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {}", shown(command)))?;
    let from_stdout = child.stdout.take().context("no pipe")?;
    let from_stderr = child.stderr.take().context("no pipe")?;
    let (printed, warned) = std::thread::scope(|scope| {
        let printed = scope.spawn(|| pass_on(from_stdout, std::io::stdout()));
        let warned = pass_on(from_stderr, std::io::stderr());
        (printed.join(), warned)
    });
    let status = child.wait()?;
    let mut text = warned?;
    text.push_str(&printed.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?);
    Ok(Heard { status, text })
}

/// A command as one would type it.
pub(crate) fn shown(command: &Command) -> String {
    let program = std::path::Path::new(command.get_program());
    let mut text = program.file_name().unwrap_or(program.as_os_str()).to_string_lossy().into_owned();
    for argument in command.get_args() {
        text.push(' ');
        text.push_str(&argument.to_string_lossy());
    }
    text
}

fn pass_on(mut from: impl Read, mut to: impl Write) -> std::io::Result<String> {
    let mut kept = Vec::new();
    let mut chunk = [0; 8192];
    loop {
        let length = from.read(&mut chunk)?;
        let read = chunk.get(..length).unwrap_or_default();
        if read.is_empty() {
            return Ok(String::from_utf8_lossy(&kept).into_owned());
        }
        to.write_all(read)?;
        to.flush()?;
        kept.extend_from_slice(read);
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::{overhear, shown};

    #[test]
    fn a_program_is_overheard_on_both_pipes() {
        let heard = overhear(Command::new("sh").args(["-c", "echo one; echo two >&2; exit 3"])).unwrap();
        assert_eq!(heard.status.code(), Some(3));
        assert_eq!(heard.text, "two\none\n");
    }

    #[test]
    fn a_command_is_shown_without_the_way_to_its_program() {
        assert_eq!(shown(Command::new("/a/b/cargo").args(["test", "-q"])), "cargo test -q");
    }
}
