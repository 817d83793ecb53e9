//! The examples in documentation, which nextest does not run.

use super::Outcome;
use super::counts::Counts;
use crate::tidy::tree::Tree;
use crate::workspace::Workspace;

/// Runs the examples, if there are any.
///
/// Of the whole workspace, since a selection of crates would enable other features of what they use, and build it again.
pub(super) fn run(workspace: &Workspace) -> anyhow::Result<Option<Outcome>> {
    let tree = Tree::read(workspace.root())?;
    if !tree.files_of("rs").any(|(path, text)| path.starts_with("crates/") && has_example(text)) {
        return Ok(None);
    }
    let mut command = workspace.cargo();
    command.args(["test", "--workspace", "--doc", "--no-fail-fast", "--quiet"]);
    Ok(Some(Outcome::of(&mut command, Counts::of_libtest)?))
}

/// Whether a doc comment opens a fence that rustdoc would run.
fn has_example(text: &str) -> bool {
    let mut inside = false;
    for line in text.lines().map(str::trim_start) {
        let Some(comment) = line.strip_prefix("///").or_else(|| line.strip_prefix("//!")) else {
            inside = false;
            continue;
        };
        let Some(info) = comment.trim_start().strip_prefix("```") else { continue };
        if !inside
            && !info
                .split([',', ' '])
                .any(|word| matches!(word, "text" | "ignore" | "json" | "sql" | "toml" | "sh" | "console"))
        {
            return true;
        }
        inside = !inside;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::has_example;

    #[test]
    fn an_example_is_a_fence_of_rust() {
        let check = |text: &str, expected: bool| assert_eq!(has_example(text), expected, "{text:?}");
        check("/// ```\n/// let x = 1;\n/// ```\n", true);
        check("    //! ```should_panic\n", true);
        check("/// ```text\n/// drawing\n/// ```\n", false);
        check("/// ```text\n/// ```\n/// ```\n/// x\n/// ```\n", true);
        check("// ```\nlet x = \"```\";\n", false);
    }
}
