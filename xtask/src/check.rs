//! `check`: what must hold before each commit.

use anyhow::bail;

use crate::process;
use crate::tidy;
use crate::workspace::Workspace;

/// Runs all of them even if an earlier one fails: one round of mending is enough then. The fastest first.
pub(crate) fn run(workspace: &Workspace, deny_warnings: bool) -> anyhow::Result<()> {
    let mut clippy = workspace.cargo();
    clippy.args(["clippy", "--workspace", "--all-targets"]);
    if deny_warnings {
        clippy.args(["--", "--deny", "warnings"]);
    }
    let results = [
        tidy::run(workspace),
        process::run(workspace.cargo().args(["fmt", "--all", "--check"])),
        process::run(&mut clippy),
    ];
    let failures: Vec<String> = results.into_iter().filter_map(Result::err).map(|error| format!("{error:#}")).collect();
    if !failures.is_empty() {
        bail!("{}", failures.join("; "));
    }
    Ok(())
}
