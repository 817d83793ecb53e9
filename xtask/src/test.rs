//! `test`: everything that proves something, with one sum on the last line.

mod counts;
mod rust;
mod doc;
mod clients;

use std::process::Command;

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
        Ok(match read(&heard.text) {
            Some(counts) if heard.status.success() || counts.failed > 0 => Self::Ran(counts),
            _ => Self::Broken(format!("tests did not run ({}): {}", heard.status, process::shown(command))),
        })
    }
}

/// Runs every kind of test even if an earlier kind failed, then prints the sum.
///
/// With `arguments` only the Rust tests run, and the arguments go to their runner.
pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> anyhow::Result<()> {
    let mut outcomes = vec![rust::run(workspace, arguments)?];
    if arguments.is_empty() {
        outcomes.extend(doc::run(workspace)?);
        outcomes.push(clients::run(workspace)?);
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
    use std::process::Command;

    use super::{Counts, Outcome};

    #[test]
    fn a_run_without_a_count_is_broken() {
        let run = |script: &str| Outcome::of(Command::new("sh").args(["-c", script]), Counts::of_libtest).unwrap();
        let result = run("echo 'test result: x. 1 passed; 1 failed; 0 ignored'; exit 1");
        assert!(matches!(result, Outcome::Ran(Counts { passed: 1, failed: 1, .. })));
        assert!(matches!(run("echo no count; exit 0"), Outcome::Broken(_)));
        assert!(matches!(run("echo 'test result: ok. 1 passed; 0 failed'; exit 1"), Outcome::Broken(_)));
    }
}
