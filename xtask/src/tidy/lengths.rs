//! Files that have become hard to hold in mind. (Functions are clippy's.)

use super::finding::Finding;
use super::tree::Tree;

const FILE_LINES_MAX: usize = 600;

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    tree.files_of("rs")
        .map(|(path, text)| (path, text.lines().count()))
        .filter(|&(_, lines)| lines > FILE_LINES_MAX)
        .map(|(path, lines)| {
            Finding::warning(path, FILE_LINES_MAX + 1, format!("{lines} lines, over {FILE_LINES_MAX}"))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::finding;
    use super::check;

    #[test]
    fn a_long_file_is_a_warning() {
        finding::check(check, &[("a.rs", &"\n".repeat(600)), ("b.md", &"\n".repeat(900))], &[]);
        finding::check(check, &[("a.rs", &"\n".repeat(601))], &["a.rs:601: warning: 601 lines, over 600"]);
    }
}
