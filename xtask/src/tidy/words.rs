//! What must not be written anywhere: where somebody's machine keeps things, and places still to be filled.

use super::finding::Finding;
use super::tree::Tree;

/// Put together here so that the rule does not find itself.
const PLACES: [&str; 2] = [concat!("/wor", "k/"), concat!("/roo", "t/")];
const TO_FILL: &str = concat!("FILL", ":");

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.files() {
        for (index, line) in text.lines().enumerate() {
            if let Some(place) = PLACES.iter().find(|place| names_place(line, place)) {
                findings.push(Finding::error(path, index + 1, format!("names a place on one machine: {place}")));
            }
        }
    }
    for (path, text) in tree.files_of("md") {
        let open = text.lines().enumerate().filter(|(_, line)| line.contains(TO_FILL));
        findings.extend(open.map(|(index, _)| Finding::warning(path, index + 1, "still to be filled")));
    }
    findings
}

/// Whether the absolute path is in the line, and is not the tail of a longer one.
fn names_place(line: &str, place: &str) -> bool {
    line.match_indices(place).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        before.is_none_or(|letter| !letter.is_alphanumeric() && !matches!(letter, '.' | '_' | '-' | '}' | ')' | '~'))
    })
}

#[cfg(test)]
mod tests {
    use super::super::finding;
    use super::{PLACES, TO_FILL, check};

    #[test]
    fn places_on_one_machine_are_found() {
        let [place, home] = PLACES;
        let found = [&format!("a.rs:2: error: names a place on one machine: {place}") as &str];
        finding::check(check, &[("a.rs", &format!("let x;\nlet y = \"{place}main\";\n"))], &found);
        let found = [&format!("a.md:1: error: names a place on one machine: {home}") as &str];
        finding::check(check, &[("a.md", &format!("see {home}x"))], &found);
        finding::check(check, &[("a.md", &format!("net{place}x and ./tests{home}y"))], &[]);
    }

    #[test]
    fn what_is_to_be_filled_is_a_warning() {
        let text = format!("<!-- {TO_FILL} figures -->");
        finding::check(check, &[("a.md", &text), ("a.rs", &text)], &["a.md:1: warning: still to be filled"]);
    }
}
