//! `bench`: a measurement of the venue, with what one must know to read it.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use serde_json::{Map, Value};

use crate::machine::Machine;
use crate::process;
use crate::workspace::Workspace;

pub(crate) fn run(workspace: &Workspace, name: &str, arguments: &[String]) -> anyhow::Result<()> {
    let mut build = workspace.cargo();
    process::run(build.args(["build", "--release", "--package", "venue", "--bin", "buttonwood"]))?;

    let machine = Machine::of(&data_directory(arguments));
    println!("{machine}");
    println!("{:>8}  {}", "date", date(workspace));
    println!("{:>8}  {}", "commit", commit(workspace));
    println!();

    let binary = workspace.target().join("release/buttonwood");
    let mut bench = workspace.command(&binary.to_string_lossy());
    bench.args(["bench", name]).args(arguments);
    if !arguments.iter().any(|argument| argument == "--json") {
        return process::run(&mut bench);
    }
    let heard = process::overhear(&mut bench)?;
    if !heard.status.success() {
        bail!("failed ({}): {}", heard.status, process::shown(&bench));
    }
    println!("{}", complete(&heard.text, &machine, date(workspace), commit(workspace))?);
    Ok(())
}

/// The object on the venue's last line, with the machine, the date and the commit added.
fn complete(text: &str, machine: &Machine, date: String, commit: String) -> anyhow::Result<Value> {
    let last = text.lines().rev().find(|line| !line.trim().is_empty()).context("the bench printed nothing")?;
    let mut report: Map<String, Value> =
        serde_json::from_str(last).context("the bench's last line is not a JSON object")?;
    report.insert("machine".to_owned(), machine.to_json());
    report.insert("date".to_owned(), Value::String(date));
    report.insert("commit".to_owned(), Value::String(commit));
    Ok(Value::Object(report))
}

/// The directory that is measured: `--data`, else the temporary directory, as in the venue.
fn data_directory(arguments: &[String]) -> PathBuf {
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        if argument == "--data" {
            return rest.next().map_or_else(std::env::temp_dir, PathBuf::from);
        }
        if let Some(path) = argument.strip_prefix("--data=") {
            return Path::new(path).to_path_buf();
        }
    }
    std::env::temp_dir()
}

fn date(workspace: &Workspace) -> String {
    process::output(workspace.command("date").args(["-u", "+%Y-%m-%dT%H:%M:%SZ"]))
        .unwrap_or_else(|| "unknown".to_owned())
}

fn commit(workspace: &Workspace) -> String {
    process::output(workspace.command("git").args(["describe", "--always", "--dirty", "--abbrev=12"]))
        .unwrap_or_else(|| "unknown".to_owned())
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use serde_json::json;

    use super::{complete, data_directory};
    use crate::machine::Machine;

    #[test]
    fn the_report_is_completed_on_its_last_line() {
        let machine = Machine::of(Path::new("/"));
        let done = complete("orders/s 7\n{\"orders\":7}\n\n", &machine, "today".to_owned(), "abc".to_owned()).unwrap();
        assert_eq!(done, json!({"orders": 7, "date": "today", "commit": "abc", "machine": machine.to_json()}));
        for wrong in ["", "no object\n", "[1]\n"] {
            assert!(complete(wrong, &machine, String::new(), String::new()).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn the_measured_directory_is_the_one_named() {
        let check = |arguments: &[&str], expected: PathBuf| {
            let arguments: Vec<String> = arguments.iter().map(|&argument| argument.to_owned()).collect();
            assert_eq!(data_directory(&arguments), expected);
        };
        check(&["--json"], std::env::temp_dir());
        check(&["--data", "d", "--json"], PathBuf::from("d"));
        check(&["--orders", "5", "--data=e"], PathBuf::from("e"));
    }
}
