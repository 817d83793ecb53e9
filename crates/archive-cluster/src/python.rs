//! A Python with the packages of a server, made once and again whenever they change.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Context as _;

use crate::target;

const REQUIREMENTS: &str = include_str!("../requirements.txt");
const NO_PYTHON: &str = "the test server of MongoDB needs python3 with venv: apt-get install python3-venv";

/// The program that speaks the protocol of MongoDB.
pub(crate) fn nx_27017() -> anyhow::Result<PathBuf> {
    let directory = target::directory()?.join("nx-27017");
    target::once(&directory, REQUIREMENTS, |directory| {
        target::say("installing the test server of MongoDB");
        target::run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(directory)).context(NO_PYTHON)?;
        let list = directory.join("requirements.txt");
        std::fs::write(&list, REQUIREMENTS)?;
        let mut install = Command::new(directory.join("bin/python"));
        install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"]).arg(list);
        target::run(&mut install).context("the test server of MongoDB needs the Python package index once")
    })?;
    Ok(directory.join("bin/nx-27017"))
}
