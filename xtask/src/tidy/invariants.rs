//! Every library says what always holds in it.

use super::finding::Finding;
use super::tree::Tree;

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    tree.files()
        .filter(|(path, text)| {
            path.ends_with("/lib.rs") && !text.lines().any(|line| line.starts_with("//! **Invariant:** "))
        })
        .map(|(path, _)| Finding::error(path, 1, "no `//! **Invariant:** …` line"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::finding;
    use super::check;

    #[test]
    fn a_library_has_an_invariant() {
        finding::check(
            check,
            &[("crates/a/src/lib.rs", "//! Words.\n//!\n//! **Invariant:** nothing is lost.\n")],
            &[],
        );
        finding::check(check, &[("crates/a/src/main.rs", "")], &[]);
        let found = ["crates/a/src/b/lib.rs:1: error: no `//! **Invariant:** …` line"];
        finding::check(check, &[("crates/a/src/b/lib.rs", "//! Words.\n// **Invariant:** x\n")], &found);
    }
}
