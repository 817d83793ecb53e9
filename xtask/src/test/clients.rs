//! Tests in Python: the clients that others wrote, unmodified, against a running venue (`tests/ccxt`), and our models of its tables
//! (`clients/python`) against the real schema (`tests/sqlalchemy`).

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use pg_cluster::options::Options;
use pg_cluster::server::Server;

use super::Outcome;
use super::counts::Counts;
use crate::process;
use crate::workspace::Workspace;

const NO_PYTHON: &str = "the tests in Python need python3 with venv: apt-get install python3-venv";
/// Each has its `requirements.txt`; what they need is installed together.
const SUITES: [&str; 2] = ["tests/ccxt", "tests/sqlalchemy"];

pub(super) fn run(workspace: &Workspace) -> anyhow::Result<Vec<Outcome>> {
    let broken = |why: String| Ok(vec![Outcome::Broken(why)]);
    let python = match environment(workspace) {
        Ok(python) => python,
        Err(error) => return broken(format!("{error:#}")),
    };
    // The same selection as the Rust tests, whose features are then built already.
    let mut build = workspace.cargo();
    build.args(["build", "--quiet", "--workspace", "--bins", "--tests"]);
    if process::run(&mut build).is_err() {
        return broken("the tests in Python need the venue, which does not build".to_owned());
    }
    // Ends with this function.
    let server = match Server::temporary(&Options::default().without_fsync()) {
        Ok(server) => server,
        Err(error) => return broken(format!("the tests in Python need a PostgreSQL server: {error:#}")),
    };
    let suite = |suite: &&str| {
        let mut pytest = workspace.command(&python.to_string_lossy());
        pytest.args(["-m", "pytest", "-q", "-p", "no:cacheprovider"]).arg(workspace.root().join(suite));
        pytest.env("BUTTONWOOD_BIN", workspace.target().join("debug/buttonwood"));
        pytest.env("BUTTONWOOD_POSTGRES", server.url("postgres"));
        pytest.env("PYTHONDONTWRITEBYTECODE", "1");
        Outcome::of(&mut pytest, Counts::of_pytest)
    };
    SUITES.iter().map(suite).collect()
}

/// A Python with the packages that all suites require, made once and again whenever they change.
fn environment(workspace: &Workspace) -> anyhow::Result<PathBuf> {
    let directory = workspace.target().join("clients");
    let python = directory.join("bin/python");
    let stamp = directory.join("installed.txt");
    let files = SUITES.map(|suite| workspace.root().join(suite).join("requirements.txt"));
    let read = |file: &PathBuf| std::fs::read_to_string(file).with_context(|| file.display().to_string());
    let wanted = files.iter().map(read).collect::<anyhow::Result<String>>()?;
    if python.exists() && std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(python);
    }
    if !process::succeeds(workspace.command("python3").args(["-c", "import venv, ensurepip"])) {
        bail!(NO_PYTHON);
    }
    println!("installing the clients into {}", directory.display());
    process::run(workspace.command("python3").args(["-m", "venv", "--clear"]).arg(&directory)).context(NO_PYTHON)?;
    let mut install = workspace.command(&python.to_string_lossy());
    install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
    for file in &files {
        install.arg("--requirement").arg(file);
    }
    process::run(&mut install).context("the tests in Python need the Python package index once")?;
    std::fs::write(&stamp, wanted).with_context(|| stamp.display().to_string())?;
    Ok(python)
}
