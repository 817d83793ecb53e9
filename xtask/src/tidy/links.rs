//! Links in Markdown lead somewhere: to a file of this repository, and to a heading that is in it.

use super::finding::Finding;
use super::tree::Tree;

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.files_of("md") {
        for (index, line) in prose(text) {
            for target in targets(&line) {
                if let Some(wrong) = wrong(tree, path, &target) {
                    findings.push(Finding::error(path, index + 1, format!("dead link `{target}`: {wrong}")));
                }
            }
        }
    }
    findings
}

/// What is wrong with a link, if something is.
fn wrong(tree: &Tree, from: &str, target: &str) -> Option<&'static str> {
    let elsewhere = target.split_once(':').is_some_and(|(scheme, _)| scheme.chars().all(char::is_alphanumeric));
    if elsewhere {
        return None;
    }
    let (file, anchor) = target.split_once('#').map_or((target, None), |(file, anchor)| (file, Some(anchor)));
    let Some(path) = resolve(from, file) else { return Some("leaves the repository") };
    if !tree.contains(&path) {
        return Some("no such file");
    }
    let (anchor, text) = anchor.zip(tree.text(&path))?;
    (!anchors(text).any(|known| known == anchor)).then_some("no such heading")
}

/// A target as a path from the root, or nothing if it climbs out of it.
fn resolve(from: &str, target: &str) -> Option<String> {
    if target.is_empty() {
        return Some(from.to_owned());
    }
    let mut parts: Vec<&str> = match target.strip_prefix('/') {
        Some(_) => return None,
        None => from.split('/').collect(),
    };
    parts.pop();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// The lines outside code fences, with code spans blanked out.
fn prose(text: &str) -> impl Iterator<Item = (usize, String)> {
    let mut fenced = false;
    text.lines().enumerate().filter_map(move |(index, line)| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        (!fenced && !fence).then(|| (index, line.split('`').step_by(2).collect::<Vec<_>>().join("``")))
    })
}

/// `[text](target)`, `[text](target "title")` and `[name]: target`.
fn targets(line: &str) -> Vec<String> {
    let inline = line.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target);
    let named = line.trim_start().strip_prefix('[').and_then(|rest| rest.split_once("]: ")).map(|(_, target)| target);
    inline
        .chain(named)
        .filter_map(|target| target.split_whitespace().next())
        .map(|target| target.trim_matches(['<', '>']).to_owned())
        .collect()
}

/// The anchors of a file's headings, as GitHub makes them (without the numbers it adds to repeated ones).
fn anchors(text: &str) -> impl Iterator<Item = String> {
    let headings = prose_with_code(text).filter(|line| line.starts_with('#'));
    headings.map(|line| {
        let kept = line.trim_start_matches('#').trim().to_lowercase();
        let kept = kept.chars().filter(|letter| letter.is_alphanumeric() || matches!(letter, ' ' | '-' | '_'));
        kept.map(|letter| if letter == ' ' { '-' } else { letter }).collect()
    })
}

fn prose_with_code(text: &str) -> impl Iterator<Item = &str> {
    let mut fenced = false;
    text.lines().filter(move |line| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        !fenced && !fence
    })
}

#[cfg(test)]
mod tests {
    use super::super::finding;
    use super::check;

    fn verdict(text: &str, expected: &[&str]) {
        let other = ("docs/rules.md", "# The rules\n## `apply`: one command\n```\n# not a heading\n```\n");
        finding::check(check, &[("docs/a.md", text), other, ("README.md", "# Read me\n")], expected);
    }

    #[test]
    fn a_link_leads_somewhere() {
        for good in [
            "[r](rules.md) and [me](../README.md#read-me)",
            "[a](rules.md#apply-one-command)",
            "[out](https://example.org/x) [mail](mailto:a@b.c)",
            "[here](#b)\n# b",
            "[dir](../docs) [dir](./)",
            "`[code](nowhere.md)`",
            "```\n[fenced](nowhere.md)\n```",
            "[r]: rules.md",
            "[r](rules.md \"title\") ![picture](<rules.md>)",
        ] {
            verdict(good, &[]);
        }
    }

    #[test]
    fn a_dead_link_is_found() {
        for (bad, why) in [
            ("[x](nowhere.md)", "`nowhere.md`: no such file"),
            ("[x]: nowhere.md", "`nowhere.md`: no such file"),
            ("[x](rules.md#not-a-heading)", "`rules.md#not-a-heading`: no such heading"),
            ("[x](#nothing)", "`#nothing`: no such heading"),
            ("[x](../../shared/x)", "`../../shared/x`: leaves the repository"),
            ("[x](/docs/rules.md)", "`/docs/rules.md`: leaves the repository"),
            ("[r](rules.md) [x](rule.md)", "`rule.md`: no such file"),
        ] {
            verdict(bad, &[&format!("docs/a.md:1: error: dead link {why}")]);
        }
    }
}
