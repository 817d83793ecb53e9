//! `ci`: the script of CI itself, so that the two cannot differ.

use crate::process;
use crate::workspace::Workspace;

pub(crate) fn run(workspace: &Workspace) -> anyhow::Result<()> {
    process::run(&mut workspace.command(".ci/run"))
}
