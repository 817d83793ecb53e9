//! The files of the repository, as text.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context as _;

/// Paths relative to the root, with `/`, and what is in them (nothing for what is not text).
#[derive(Debug, Default)]
pub(crate) struct Tree {
    files: BTreeMap<String, String>,
}

impl Tree {
    pub(crate) fn read(root: &Path) -> anyhow::Result<Self> {
        let mut tree = Self::default();
        tree.add_directory(root, "")?;
        Ok(tree)
    }

    #[cfg(test)]
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        Self { files: files.iter().map(|&(path, text)| (path.to_owned(), text.to_owned())).collect() }
    }

    /// Every file, in the order of the paths.
    pub(crate) fn files(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files.iter().map(|(path, text)| (path.as_str(), text.as_str()))
    }

    /// Every file with that extension.
    pub(crate) fn files_of(&self, extension: &str) -> impl Iterator<Item = (&str, &str)> {
        self.files().filter(move |(path, _)| Path::new(path).extension().is_some_and(|found| found == extension))
    }

    pub(crate) fn text(&self, path: &str) -> Option<&str> {
        self.files.get(path).map(String::as_str)
    }

    /// Whether a file or a directory of that name is there; the root is the empty name.
    pub(crate) fn contains(&self, path: &str) -> bool {
        let inside = format!("{path}/");
        path.is_empty() || self.files.contains_key(path) || self.files.keys().any(|file| file.starts_with(&inside))
    }

    fn add_directory(&mut self, directory: &Path, prefix: &str) -> anyhow::Result<()> {
        let entries = std::fs::read_dir(directory).with_context(|| directory.display().to_string())?;
        for entry in entries {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            let path = if prefix.is_empty() { name.clone() } else { format!("{prefix}/{name}") };
            let kind = entry.file_type()?;
            if is_made(&name, prefix) {
                continue;
            }
            if kind.is_dir() {
                self.add_directory(&entry.path(), &path)?;
            } else if kind.is_file() {
                let bytes = std::fs::read(entry.path()).with_context(|| path.clone())?;
                self.files.insert(path, String::from_utf8(bytes).unwrap_or_default());
            }
        }
        Ok(())
    }
}

/// What was built or recorded, not written. (`.git` is a file in a second work tree.)
fn is_made(name: &str, prefix: &str) -> bool {
    let at_root = prefix.is_empty();
    name == "__pycache__" || (at_root && (name == ".git" || name == "target" || name.starts_with("target-")))
}

#[cfg(test)]
mod tests {
    use super::Tree;
    use crate::workspace::Workspace;

    #[test]
    fn the_repository_is_read_without_what_was_built() {
        let tree = Tree::read(Workspace::find().unwrap().root()).unwrap();
        assert!(tree.text("Cargo.toml").is_some_and(|text| text.contains("[workspace]")));
        assert!(tree.contains("xtask/src") && tree.contains("xtask/src/main.rs") && tree.contains(""));
        assert!(!tree.contains("xtask/sr") && !tree.contains("target") && !tree.contains(".git"));
    }
}
