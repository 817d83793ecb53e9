//! `check`: what must hold before each commit.

use crate::process;
use crate::tidy;
use crate::workspace::Workspace;

/// Formatting first: it is the fastest to fail and to mend.
pub(crate) fn run(workspace: &Workspace, deny_warnings: bool) -> anyhow::Result<()> {
    process::run(workspace.cargo().args(["fmt", "--all", "--check"]))?;
    tidy::run(workspace)?;
    let mut clippy = workspace.cargo();
    clippy.args(["clippy", "--workspace", "--all-targets"]);
    if deny_warnings {
        clippy.args(["--", "--deny", "warnings"]);
    }
    process::run(&mut clippy)
}
