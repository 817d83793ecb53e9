//! The Rust tests of the workspace.

use std::io::IsTerminal as _;
use std::path::Path;
use std::process::Command;

use super::Outcome;
use super::counts::Counts;
use crate::process;
use crate::workspace::Workspace;

/// The file that the tests named `real_day` need.
const REAL_DAY: &str = "BUTTONWOOD_REAL_DAY";

pub(super) fn run(workspace: &Workspace, arguments: &[String]) -> anyhow::Result<Outcome> {
    let real_day = std::env::var(REAL_DAY).ok();
    match &real_day {
        Some(path) if !Path::new(path).is_file() => {
            return Ok(Outcome::Broken(format!("{REAL_DAY} is set to {path}, where there is no file")));
        }
        Some(_) => {}
        None => println!("skipped: the replay of a real day; {REAL_DAY}=PATH/orders.csv.xz runs it"),
    }
    if process::succeeds(workspace.cargo().args(["nextest", "--version"])) {
        Outcome::of(&mut nextest(workspace, real_day.is_some(), arguments), Counts::of_nextest)
    } else {
        Outcome::of(&mut cargo_test(workspace, real_day.is_some(), arguments), Counts::of_libtest)
    }
}

fn nextest(workspace: &Workspace, real_day: bool, arguments: &[String]) -> Command {
    let mut command = workspace.cargo();
    command.args(["nextest", "run", "--no-fail-fast", "--no-tests", "pass"]);
    if !real_day {
        command.args(["--filterset", "not test(real_day)"]);
    }
    if std::io::stderr().is_terminal() {
        command.args(["--color", "always"]);
    }
    command.args(selection(arguments)).args(arguments);
    command
}

fn cargo_test(workspace: &Workspace, real_day: bool, arguments: &[String]) -> Command {
    let mut command = workspace.cargo();
    command.args(["test", "--tests", "--no-fail-fast", "--quiet"]);
    // What stands behind the user's `--` is for the test binaries, where `--skip` belongs as well.
    let mut halves = arguments.splitn(2, |argument| argument == "--");
    command.args(selection(arguments)).args(halves.next().unwrap_or_default()).arg("--");
    if !real_day {
        command.args(["--skip", "real_day"]);
    }
    command.args(halves.next().unwrap_or_default());
    command
}

/// Everything, unless the caller says which part.
fn selection(arguments: &[String]) -> &'static [&'static str] {
    if arguments.is_empty() { &["--workspace"] } else { &[] }
}

#[cfg(test)]
mod tests {
    use super::{cargo_test, nextest};
    use crate::process::shown;
    use crate::workspace::Workspace;

    #[test]
    fn a_trading_day_is_left_out_unless_it_is_there() {
        let workspace = Workspace::find().unwrap();
        assert!(shown(&nextest(&workspace, false, &[])).contains("not test(real_day)"));
        assert!(!shown(&nextest(&workspace, true, &[])).contains("real_day"));
        let arguments = ["-p", "engine", "--", "--nocapture"].map(str::to_owned);
        let command = shown(&cargo_test(&workspace, false, &arguments));
        assert!(command.ends_with("--quiet -p engine -- --skip real_day --nocapture"), "{command}");
        assert!(shown(&cargo_test(&workspace, true, &[])).ends_with("--quiet --workspace --"));
    }
}
