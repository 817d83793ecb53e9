//! Which crate may use which.

use toml::{Table, Value};

use super::finding::Finding;
use super::tree::Tree;

/// What a crate may name in `[dependencies]`. Tests may use anything, so `[dev-dependencies]` are free.
#[derive(Debug, Clone, Copy)]
enum Allowed {
    Only(&'static [&'static str]),
    AllBut(&'static [&'static str]),
}

/// One row per crate; a new crate or arrow is added here, and explained in its commit.
const ARROWS: &[(&str, Allowed)] = &[
    ("domain", Allowed::Only(&[])),
    ("codec", Allowed::Only(&["domain"])),
    ("journal", Allowed::Only(&["domain"])),
    ("prefetch", Allowed::Only(&[])),
    ("engine", Allowed::Only(&["domain", "prefetch"])),
    ("projector", Allowed::Only(&["domain", "codec", "journal"])),
    ("documents", Allowed::Only(&["domain", "projector"])),
    ("readmodel", Allowed::Only(&["domain", "prefetch", "projector"])),
    ("sequencer", Allowed::Only(&["domain", "codec", "journal", "engine", "readmodel"])),
    ("gateway", Allowed::Only(&["domain", "codec", "readmodel", "projector"])),
    ("store-sqlite", Allowed::Only(&["domain", "codec", "projector"])),
    ("store-mongodb", Allowed::Only(&["domain", "codec", "projector", "documents"])),
    ("store-dynamodb", Allowed::Only(&["domain", "codec", "projector", "documents"])),
    ("dynamodb-server", Allowed::Only(&[])),
    ("pg-cluster", Allowed::Only(&[])),
    ("archive-cluster", Allowed::Only(&[])),
    ("store-postgres", Allowed::Only(&["domain", "codec", "projector"])),
    ("sim", Allowed::AllBut(&["venue", "xtask"])),
    ("venue", Allowed::AllBut(&["xtask"])),
    ("xtask", Allowed::Only(&["pg-cluster", "archive-cluster"])),
];

/// An arrow that a crate's manifest draws.
#[derive(Debug)]
struct Arrow {
    to: String,
    line: usize,
}

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut manifests = Vec::new();
    for (path, text) in tree.files().filter(|(path, _)| path.ends_with("/Cargo.toml")) {
        match text.parse::<Table>() {
            Ok(manifest) => manifests.push((path, text, manifest)),
            Err(error) => findings.push(Finding::error(path, 1, format!("not a manifest: {}", error.message()))),
        }
    }
    let ours: Vec<&str> = manifests.iter().filter_map(|(_, _, manifest)| name(manifest)).collect();
    for (path, text, manifest) in &manifests {
        let Some(from) = name(manifest) else { continue };
        let Some((_, allowed)) = ARROWS.iter().find(|(row, _)| *row == from) else {
            findings.push(Finding::error(
                path,
                1,
                format!("`{from}` has no row in the table of arrows, xtask/src/tidy/arrows.rs"),
            ));
            continue;
        };
        for arrow in arrows(manifest, text).iter().filter(|arrow| ours.contains(&arrow.to.as_str())) {
            if !allowed.includes(&arrow.to) {
                findings.push(Finding::error(path, arrow.line, format!("`{from}` must not use `{}`", arrow.to)));
            }
        }
    }
    findings
}

impl Allowed {
    fn includes(self, name: &str) -> bool {
        match self {
            Self::Only(names) => names.contains(&name),
            Self::AllBut(names) => !names.contains(&name),
        }
    }
}

fn name(manifest: &Table) -> Option<&str> {
    manifest.get("package")?.get("name")?.as_str()
}

fn arrows(manifest: &Table, text: &str) -> Vec<Arrow> {
    let targets = manifest.get("target").and_then(Value::as_table);
    let tables =
        std::iter::once(manifest).chain(targets.into_iter().flat_map(Table::values).filter_map(Value::as_table));
    let mut arrows = Vec::new();
    for table in tables {
        let sections =
            ["dependencies", "build-dependencies"].map(|section| table.get(section).and_then(Value::as_table));
        for (key, dependency) in sections.into_iter().flatten().flatten() {
            let to = dependency.get("package").and_then(Value::as_str).unwrap_or(key);
            arrows.push(Arrow { to: to.to_owned(), line: line_of(text, key) });
        }
    }
    arrows
}

/// Where a dependency is named; the first line of the file where that cannot be told.
fn line_of(text: &str, key: &str) -> usize {
    let named = |line: &str| line.strip_prefix(key).is_some_and(|rest| rest.starts_with(['.', ' ', '=']));
    text.lines().position(named).map_or(1, |index| index + 1)
}

#[cfg(test)]
mod tests {
    use super::super::finding;
    use super::check;

    const DOMAIN: (&str, &str) = ("crates/domain/Cargo.toml", "[package]\nname = \"domain\"\n");
    const ENGINE: (&str, &str) =
        ("crates/engine/Cargo.toml", "[package]\nname = \"engine\"\n[dependencies]\ndomain.workspace = true\n");

    fn codec(rest: &str) -> String {
        format!("[package]\nname = \"codec\"\n{rest}")
    }

    fn verdict(rest: &str, expected: &[&str]) {
        finding::check(check, &[DOMAIN, ENGINE, ("crates/codec/Cargo.toml", &codec(rest))], expected);
    }

    #[test]
    fn an_arrow_is_allowed_or_named() {
        let wrong = "crates/codec/Cargo.toml:5: error: `codec` must not use `engine`";
        verdict("[dependencies]\ndomain.workspace = true\n", &[]);
        verdict("[dependencies]\ndomain.workspace = true\nengine.workspace = true\n", &[wrong]);
        verdict("[dev-dependencies]\nengine.workspace = true\n", &[]);
        verdict("[dependencies]\nanyhow = \"1\"\nengine = { path = \"../engine\" }\n", &[wrong]);
        verdict("[dependencies]\n\nbook = { package = \"engine\", path = \"../engine\" }\n", &[wrong]);
        verdict("[target.'cfg(unix)'.dependencies]\n\nengine.workspace = true\n", &[wrong]);
        verdict("[build-dependencies]\n\nengine.workspace = true\n", &[wrong]);
    }

    #[test]
    fn a_crate_without_a_row_is_named() {
        let stranger = ("crates/stranger/Cargo.toml", "[package]\nname = \"stranger\"\n");
        let found = "crates/stranger/Cargo.toml:1: error: `stranger` has no row in the table of arrows, xtask/src/tidy/arrows.rs";
        finding::check(check, &[stranger], &[found]);
    }

    #[test]
    fn the_venue_uses_everything_and_the_simulator_not_the_venue() {
        let venue = (
            "crates/venue/Cargo.toml",
            "[package]\nname = \"venue\"\n[dependencies]\nsim.workspace = true\nengine.workspace = true\n",
        );
        let sim = (
            "crates/sim/Cargo.toml",
            "[package]\nname = \"sim\"\n[dependencies]\nengine.workspace = true\nvenue.workspace = true\n",
        );
        let found = "crates/sim/Cargo.toml:5: error: `sim` must not use `venue`";
        finding::check(check, &[DOMAIN, ENGINE, venue, sim], &[found]);
    }
}
