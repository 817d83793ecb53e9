//! Five rounds of the torture.

use std::process::Command;

use std::process::Output;

use outside::process::said;
use tempfile::TempDir;

fn torture(arguments: &[&str]) -> Output {
    let directory = TempDir::new().unwrap();
    let mut torture = Command::new(env!("CARGO_BIN_EXE_torture"));
    torture.args(["--buttonwood", env!("CARGO_BIN_EXE_buttonwood"), "--data"]).arg(directory.path()).args(arguments);
    let output = torture.output().unwrap();
    println!("{}", said(&output));
    output
}

#[test]
fn nothing_acknowledged_is_lost_in_five_rounds() {
    let output = torture(&["--rounds", "5", "--verify-every", "3"]);
    assert!(output.status.success());
    assert!(said(&output).contains("none lost, none twice"));
}

#[test]
fn nothing_is_lost_when_postgresql_is_killed_as_well() {
    let output = torture(&["--postgres", "--shards", "3", "--moves", "--rounds", "5", "--verify-every", "3"]);
    assert!(output.status.success());
    assert!(said(&output).contains("none lost, none twice"));
    let counts = said(&output);
    let counts = counts.lines().find(|line| line.contains("servers killed")).unwrap();
    assert!(!counts.contains(" 0 servers killed") && !counts.contains(" 0 moves begun"), "{counts}");
}

#[test]
fn nothing_is_lost_when_mongodb_is_killed_as_well() {
    let output = torture(&["--archive", "mongodb", "--rounds", "5", "--verify-every", "3"]);
    assert!(output.status.success());
    assert!(said(&output).contains("none lost, none twice"));
    assert!(!said(&output).contains(" 0 servers killed"), "every third round spares them, no other");
}

#[test]
fn nothing_is_lost_when_dynamodb_is_killed_as_well() {
    let output = torture(&["--archive", "dynamodb", "--rounds", "5", "--verify-every", "3"]);
    assert!(output.status.success());
    assert!(said(&output).contains("none lost, none twice"));
    assert!(!said(&output).contains(" 0 servers killed"), "every third round spares them, no other");
}

/// By a REST client in the first round, by the reader of the pipe in the second.
#[test]
fn a_venue_that_forgets_is_noticed() {
    for (round, names) in [("1", "was acknowledged, the venue is at"), ("2", "round 2: the journal: ")] {
        let output = torture(&["--rounds", round, "--forget-in", round, "--seed", "3"]);
        assert_eq!(output.status.code(), Some(1));
        assert!(said(&output).contains(names), "no {names:?}");
    }
}
