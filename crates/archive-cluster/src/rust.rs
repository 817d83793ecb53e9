//! A server that is a Rust program outside the workspace, built once and again whenever it changes.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;

use crate::target;

/// What the program is made of.
const SOURCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/dynamodb-server");
const MADE_OF: &str = concat!(
    include_str!("../../../tests/dynamodb-server/Cargo.toml"),
    include_str!("../../../tests/dynamodb-server/Cargo.lock"),
    include_str!("../../../tests/dynamodb-server/src/main.rs")
);

/// The program that speaks the protocol of DynamoDB.
pub(crate) fn dynamodb_server() -> anyhow::Result<PathBuf> {
    let directory = target::directory()?.join("dynamodb-server");
    target::once(&directory, MADE_OF, |directory| {
        target::say("building the test server of DynamoDB");
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut build = Command::new(cargo);
        // Of the workspace that the tests were built in, only the tools are used.
        build.args(["build", "--locked", "--quiet"]).current_dir(Path::new(SOURCE));
        build.env("CARGO_TARGET_DIR", directory.join("build")).env_remove("RUSTFLAGS");
        target::run(&mut build).context("the test server of DynamoDB is built from crates.io")
    })?;
    Ok(directory.join("build/debug/dynamodb-server"))
}
