//! `tidy`: the rules of the house that clippy cannot see.

pub(crate) mod tree;
mod finding;
mod arrows;
mod dependencies;
mod invariants;
mod links;
mod words;
mod lengths;

use anyhow::bail;

use self::finding::{Finding, Weight};
use self::tree::Tree;
use crate::workspace::Workspace;

pub(crate) fn run(workspace: &Workspace) -> anyhow::Result<()> {
    let tree = Tree::read(workspace.root())?;
    let findings = findings(&tree);
    for finding in &findings {
        eprintln!("{finding}");
    }
    let errors = findings.iter().filter(|finding| finding.weight == Weight::Error).count();
    if errors > 0 {
        bail!("tidy: {errors} to mend");
    }
    Ok(())
}

fn findings(tree: &Tree) -> Vec<Finding> {
    let rules = [arrows::check, dependencies::check, invariants::check, links::check, words::check, lengths::check];
    rules.iter().flat_map(|rule| rule(tree)).collect()
}
