//! The clients that others wrote, unmodified, against a running venue: `tests/ccxt`.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

use super::Outcome;
use super::counts::Counts;
use crate::process;
use crate::workspace::Workspace;

const NO_PYTHON: &str = "the client tests need python3 with venv: apt-get install python3-venv";

pub(super) fn run(workspace: &Workspace) -> anyhow::Result<Outcome> {
    let tests = workspace.root().join("tests/ccxt");
    let python = match environment(workspace, &tests.join("requirements.txt")) {
        Ok(python) => python,
        Err(error) => return Ok(Outcome::Broken(format!("{error:#}"))),
    };
    // The same selection as the Rust tests, whose features are then built already.
    let mut build = workspace.cargo();
    build.args(["build", "--quiet", "--workspace", "--bins", "--tests"]);
    if process::run(&mut build).is_err() {
        return Ok(Outcome::Broken("the client tests need the venue, which does not build".to_owned()));
    }
    let mut pytest = workspace.command(&python.to_string_lossy());
    pytest.args(["-m", "pytest", "-q", "-p", "no:cacheprovider"]).arg(&tests);
    pytest.env("BUTTONWOOD_BIN", workspace.target().join("debug/buttonwood"));
    pytest.env("PYTHONDONTWRITEBYTECODE", "1");
    Outcome::of(&mut pytest, Counts::of_pytest)
}

/// A Python with the packages of `requirements`, made once and again whenever they change.
fn environment(workspace: &Workspace, requirements: &Path) -> anyhow::Result<PathBuf> {
    let directory = workspace.target().join("clients");
    let python = directory.join("bin/python");
    let stamp = directory.join("installed.txt");
    let wanted = std::fs::read_to_string(requirements).with_context(|| requirements.display().to_string())?;
    if python.exists() && std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(python);
    }
    if !process::succeeds(workspace.command("python3").args(["-c", "import venv, ensurepip"])) {
        bail!(NO_PYTHON);
    }
    println!("installing the clients into {}", directory.display());
    process::run(workspace.command("python3").args(["-m", "venv", "--clear"]).arg(&directory)).context(NO_PYTHON)?;
    let mut install = workspace.command(&python.to_string_lossy());
    install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"]).arg(requirements);
    process::run(&mut install).context("the client tests need the Python package index once")?;
    std::fs::write(&stamp, wanted).with_context(|| stamp.display().to_string())?;
    Ok(python)
}
