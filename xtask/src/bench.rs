//! `bench`: measurements of the venue, built in release. The venue measures, and says on which machine.

use anyhow::{Context as _, bail};
use serde_json::{Map, Value, json};

use crate::process;
use crate::workspace::Workspace;

/// Runs one measurement, or with the name `all` every one that the venue has, one after the other.
pub(crate) fn run(workspace: &Workspace, name: &str, arguments: &[String]) -> anyhow::Result<()> {
    let mut build = workspace.cargo();
    build.args(["build", "--release", "--package", "venue", "--bin", "buttonwood"]);
    for driver in ["mongodb", "dynamodb"] {
        let is_named = arguments.iter().any(|argument| argument.starts_with(&format!("--{driver}")));
        if is_named || name == "archive" {
            // With `venue/…` before it, Cargo takes it for a feature of the dependency that the tests of `venue` have on itself.
            build.args(["--features", driver]);
        }
    }
    process::run(&mut build)?;
    let commit = commit(workspace);
    println!("{:12} {commit}", "commit");

    let as_json = arguments.iter().any(|argument| argument == "--json");
    let names = if name == "all" { all(workspace)? } else { vec![name.to_owned()] };
    let mut reports = Vec::new();
    for name in &names {
        println!();
        let mut bench = buttonwood(workspace);
        bench.args(["bench", name]).args(arguments);
        if !as_json {
            // In the foreground, where it can show its progress.
            process::run(&mut bench)?;
            continue;
        }
        let heard = process::overhear(&mut bench)?;
        if !heard.status.success() {
            bail!("failed ({}): {}", heard.status, process::shown(&bench));
        }
        reports.push(heard.text);
    }
    if as_json {
        println!("{}", combined(&reports, commit)?);
    }
    Ok(())
}

/// The objects on the last lines, as one: a single report as it is, several as a list; either with the commit.
fn combined(reports: &[String], commit: String) -> anyhow::Result<Value> {
    let mut objects = reports.iter().map(|report| object(report)).collect::<anyhow::Result<Vec<_>>>()?;
    let mut object = match objects.as_mut_slice() {
        [only] => std::mem::take(only),
        _ => Map::from_iter([("benches".to_owned(), json!(objects))]),
    };
    object.insert("commit".to_owned(), Value::String(commit));
    Ok(Value::Object(object))
}

fn object(report: &str) -> anyhow::Result<Map<String, Value>> {
    let last = report.lines().rev().find(|line| !line.trim().is_empty()).context("the bench printed nothing")?;
    serde_json::from_str(last).context("the bench's last line is not a JSON object")
}

/// What the venue can measure, from its own help, so that there is no second list to keep.
fn all(workspace: &Workspace) -> anyhow::Result<Vec<String>> {
    let help =
        process::output(buttonwood(workspace).args(["bench", "--help"])).context("`buttonwood bench --help` failed")?;
    Ok(subcommands(&help))
}

fn subcommands(help: &str) -> Vec<String> {
    help.lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .map_while(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .map(str::to_owned)
        .collect()
}

fn buttonwood(workspace: &Workspace) -> std::process::Command {
    workspace.command(&workspace.target().join("release/buttonwood").to_string_lossy())
}

fn commit(workspace: &Workspace) -> String {
    process::output(workspace.command("git").args(["describe", "--always", "--dirty", "--abbrev=12"]))
        .unwrap_or_else(|| "unknown".to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{combined, subcommands};

    #[test]
    fn reports_are_combined_into_one_object() {
        let report = |text: &str| text.to_owned();
        let one = combined(&[report("orders/s 7\n{\"orders\":7}\n\n")], "abc".to_owned()).unwrap();
        assert_eq!(one, json!({"orders": 7, "commit": "abc"}));
        let two = combined(&[report("{\"a\":1}"), report("x\n{\"b\":2}\n")], "abc".to_owned()).unwrap();
        assert_eq!(two, json!({"benches": [{"a": 1}, {"b": 2}], "commit": "abc"}));
        for wrong in ["", "no object\n", "[1]\n"] {
            assert!(combined(&[report(wrong)], String::new()).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn the_list_of_measurements_is_the_help_s() {
        let help = "Measure\n\nUsage: x\n\nCommands:\n  book    The books\n  rest    Orders\n  help    Print\n\nOptions:\n  -h\n";
        assert_eq!(subcommands(help), ["book", "rest"]);
        assert!(subcommands("nothing").is_empty());
    }
}
