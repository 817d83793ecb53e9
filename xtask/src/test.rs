//! `test`: everything that proves something, with one sum on the last line.

mod counts;
mod rust;
mod doc;
mod clients;

use std::process::{Command, ExitStatus};

use anyhow::bail;

use self::counts::Counts;
use crate::process;
use crate::workspace::Workspace;

/// What became of one of the runs.
#[derive(Debug)]
enum Outcome {
    /// It ran; the counts are the runner's own.
    Ran(Counts),
    /// It could not be run, or ended without a count. Counted as one failed test, so that it never passes silently.
    Broken(String),
}

impl Outcome {
    /// Runs a test runner and reads its counts. A run that fails without a failed test is broken, whatever it counted.
    fn of(command: &mut Command, read: fn(&str) -> Option<Counts>) -> anyhow::Result<Self> {
        let heard = process::overhear(command)?;
        Ok(Self::judge(read(&heard.text), heard.status, command))
    }

    fn judge(counts: Option<Counts>, status: ExitStatus, command: &Command) -> Self {
        match counts {
            Some(counts) if status.success() || counts.failed > 0 => Self::Ran(counts),
            _ => Self::Broken(format!("tests did not run ({status}): {}", process::shown(command))),
        }
    }
}

/// Runs every kind of test even if an earlier kind failed, then prints the sum.
///
/// With `arguments` only the Rust tests run, and the arguments go to their runner.
pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> anyhow::Result<()> {
    let mut outcomes = vec![rust::run(workspace, arguments)?];
    if arguments.is_empty() {
        outcomes.extend(doc::run(workspace)?);
        outcomes.extend(clients::run(workspace)?);
    }
    let mut sum = Counts::default();
    for outcome in outcomes {
        match outcome {
            Outcome::Ran(counts) => sum.add(counts),
            Outcome::Broken(reason) => {
                eprintln!("xtask: {reason}");
                sum.add(Counts { failed: 1, ..Counts::default() });
            }
        }
    }
    println!("{sum}");
    if sum.failed > 0 {
        bail!("tests failed");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt as _;
    use std::process::{Command, ExitStatus};

    use super::{Counts, Outcome};

    #[test]
    fn a_run_without_a_count_is_broken() {
        let judge = |counts, status| Outcome::judge(counts, ExitStatus::from_raw(status), &Command::new("runner"));
        let good = Counts { passed: 1, ..Counts::default() };
        let bad = Counts { failed: 1, ..good };
        assert!(matches!(judge(Some(good), 0), Outcome::Ran(counts) if counts == good));
        assert!(matches!(judge(Some(bad), 1), Outcome::Ran(counts) if counts == bad));
        assert!(matches!(judge(Some(good), 1), Outcome::Broken(_)));
        assert!(matches!(judge(None, 0), Outcome::Broken(_)));
    }
}
