//! Every foreign crate has a reason, and comes in by one door.

use toml::{Table, Value};

use super::finding::Finding;
use super::tree::Tree;

const INDEX: &str = "registry+https://github.com/rust-lang/crates.io-index";

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    // There are programs beside the workspace that have one of their own.
    for (path, text) in tree.files() {
        match path.rsplit('/').next() {
            Some("Cargo.toml") => {
                findings.extend(reasons(path, text));
                findings.extend(doors(path, text));
            }
            Some("Cargo.lock") => findings.extend(sources(path, text)),
            Some(_) | None => {}
        }
    }
    findings
}

/// An entry of `[workspace.dependencies]` without a path says why it is there, in a comment on one of its lines.
fn reasons(path: &str, manifest: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut lines = manifest
        .lines()
        .enumerate()
        .skip_while(|(_, line)| line.trim() != "[workspace.dependencies]")
        .skip(1)
        .peekable();
    while let Some((index, line)) = lines.next_if(|(_, line)| !line.starts_with('[')) {
        let Some((name, value)) = line.split_once('=').filter(|_| !line.trim_start().starts_with('#')) else {
            continue;
        };
        let mut entry = value.to_owned();
        while !is_whole(&entry) {
            let Some((_, line)) = lines.next() else { break };
            entry.push('\n');
            entry.push_str(line);
        }
        let ours = without_comments(&entry).contains("path =");
        if !ours && comment(&entry).is_none_or(|comment| comment.trim().is_empty()) {
            findings.push(Finding::error(path, index + 1, format!("`{}` does not say why it is here", name.trim())));
        }
    }
    findings
}

/// A crate takes what it needs from the workspace, where the reason stands.
fn doors(path: &str, text: &str) -> Vec<Finding> {
    let Ok(manifest) = text.parse::<Table>() else { return Vec::new() };
    let sections = ["dependencies", "dev-dependencies", "build-dependencies"];
    let tables = sections.iter().filter_map(|section| manifest.get(*section)?.as_table());
    let outside = |dependency: &Value| dependency.get("workspace").and_then(Value::as_bool) != Some(true);
    tables
        .flatten()
        .filter(|(_, dependency)| outside(dependency))
        .map(|(name, _)| Finding::error(path, 1, format!("`{name}` is not taken from [workspace.dependencies]")))
        .collect()
}

/// Everything locked comes from the public index, whatever mirror it was fetched through.
fn sources(path: &str, lock: &str) -> Vec<Finding> {
    let foreign = |line: &str| line.strip_prefix("source = ").is_some_and(|source| source.trim_matches('"') != INDEX);
    lock.lines()
        .enumerate()
        .filter(|(_, line)| foreign(line))
        .map(|(index, _)| Finding::error(path, index + 1, "not from the public index"))
        .collect()
}

/// Whether the brackets of an entry are closed.
fn is_whole(entry: &str) -> bool {
    let text = without_comments(entry);
    let count = |bracket: char| text.matches(bracket).count();
    count('{') == count('}') && count('[') == count(']')
}

fn without_comments(entry: &str) -> String {
    entry.lines().map(|line| &line[..hash(line).unwrap_or(line.len())]).collect::<Vec<_>>().join("\n")
}

fn comment(entry: &str) -> Option<&str> {
    entry.lines().find_map(|line| hash(line).map(|at| &line[at + 1..]))
}

/// Where the comment of a line begins: the first `#` outside quotes.
fn hash(line: &str) -> Option<usize> {
    let mut quoted = false;
    line.char_indices().find_map(|(at, letter)| {
        quoted ^= letter == '"';
        (letter == '#' && !quoted).then_some(at)
    })
}

#[cfg(test)]
mod tests {
    use super::super::finding;
    use super::check;

    #[test]
    fn a_foreign_crate_says_why() {
        let verdict = |entries: &str, expected: &[&str]| {
            let manifest = format!("[workspace]\n[workspace.dependencies]\n{entries}\n[profile.dev]\nopt-level = 1\n");
            finding::check(check, &[("Cargo.toml", &manifest)], expected);
        };
        verdict("# Ours.\ndomain = { path = \"crates/domain\" }\n", &[]);
        verdict("anyhow = \"1\"  # errors of the binary\n", &[]);
        verdict("anyhow = \"1\"\n", &["Cargo.toml:3: error: `anyhow` does not say why it is here"]);
        verdict("anyhow = \"1\"  #\n", &["Cargo.toml:3: error: `anyhow` does not say why it is here"]);
        verdict("x = { version = \"1#2\" }\n", &["Cargo.toml:3: error: `x` does not say why it is here"]);
        verdict(
            "x = { version = \"1\", features = [\n  \"a\", # because\n] }\ny = \"1\"",
            &["Cargo.toml:6: error: `y` does not say why it is here"],
        );
    }

    #[test]
    fn a_crate_takes_what_it_needs_from_the_workspace() {
        let verdict = |rest: &str, expected: &[&str]| finding::check(check, &[("crates/a/Cargo.toml", rest)], expected);
        verdict("[dependencies]\nserde.workspace = true\ntokio = { workspace = true, features = [] }\n", &[]);
        verdict(
            "[dev-dependencies]\nserde = \"1\"\n",
            &["crates/a/Cargo.toml:1: error: `serde` is not taken from [workspace.dependencies]"],
        );
    }

    #[test]
    fn the_lock_file_names_the_public_index() {
        let lock = "[[package]]\nsource = \"registry+https://github.com/rust-lang/crates.io-index\"\nsource = \"git+https://example.org/x\"\n";
        finding::check(check, &[("Cargo.lock", lock)], &["Cargo.lock:3: error: not from the public index"]);
        let path = "tests/a/Cargo.lock";
        finding::check(check, &[(path, lock)], &["tests/a/Cargo.lock:3: error: not from the public index"]);
    }
}
