//! `check`: what must hold before each commit.

use anyhow::bail;

use crate::process;
use crate::tidy;
use crate::workspace::Workspace;

/// Runs all of them even if an earlier one fails: one round of mending is enough then. The fastest first.
pub(crate) fn run(workspace: &Workspace, deny_warnings: bool) -> anyhow::Result<()> {
    let clippy = |what: &[&str]| {
        let mut clippy = workspace.cargo();
        clippy.arg("clippy").args(what);
        if deny_warnings {
            clippy.args(["--", "--deny", "warnings"]);
        }
        process::run(&mut clippy)
    };
    let results = [
        tidy::run(workspace),
        process::run(workspace.cargo().args(["fmt", "--all", "--check"])),
        clippy(&["--workspace", "--all-targets"]),
        // Tests turn on every feature; this is what is built by default.
        clippy(&["--package", "venue", "--bins"]),
    ];
    let failures: Vec<String> = results.into_iter().filter_map(Result::err).map(|error| format!("{error:#}")).collect();
    if !failures.is_empty() {
        bail!("{}", failures.join("; "));
    }
    Ok(())
}
