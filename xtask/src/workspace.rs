//! Where things are.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;

/// The checkout this runs in.
#[derive(Debug)]
pub(crate) struct Workspace {
    root: PathBuf,
    target: PathBuf,
}

impl Workspace {
    pub(crate) fn find() -> anyhow::Result<Self> {
        // Cargo sets the variable at run time; the built-in path would be another checkout's where both share a target directory.
        let manifest =
            std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
        let root = manifest.parent().context("xtask is not inside a workspace")?.to_path_buf();
        let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |path| root.join(path));
        Ok(Self { root, target })
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Where cargo builds; ours to leave things in as well.
    pub(crate) fn target(&self) -> &Path {
        &self.target
    }

    /// A cargo that does not notice it was started by a cargo.
    ///
    /// `cargo run` tells xtask about the package xtask. Build scripts that watch those variables would run again each time a
    /// task and a plain `cargo build` take turns.
    pub(crate) fn cargo(&self) -> Command {
        let mut command = self.command(std::env::var("CARGO").as_deref().unwrap_or("cargo"));
        for (name, _) in std::env::vars_os() {
            let about_xtask = name.to_str().is_some_and(|name| {
                name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") || name == "CARGO_BIN_NAME"
            });
            if about_xtask {
                command.env_remove(name);
            }
        }
        command
    }

    /// Another program, started in the root of the checkout.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.root);
        command
    }
}
