//! What cannot be meant is refused, and the refusal says what is wrong.

use std::fs;

use crate::desk::{Desk, refused};

#[test]
fn settings_that_cannot_be_are_refused_by_name() {
    let cases: [(&str, &str, &[&str]); 6] = [
        ("SEGMENT_MIB", "1", &["segment_mib must be from 16 to 1024"]),
        ("SNAPSHOT_EVERY", "12", &["snapshot_every must be at least 1000"]),
        ("QUEUE_COMMANDS", "many", &["queue_commands", "many"]),
        ("CELL", "64", &["cell must be below 64"]),
        ("LISTEN", "nowhere", &["listen"]),
        ("ANSWER_TIMEOUT_MS", "0", &["answer_timeout_ms must be from 1 to 60000"]),
    ];
    for (name, value, says) in cases {
        let desk = Desk::new().with(name, value);
        let said = refused(&desk.binary, &["serve"], &desk.data);
        assert!(says.iter().all(|say| said.contains(say)), "{name}={value}: {said}");
        assert!(!desk.data.exists(), "{name}={value} left something behind");
    }
}

#[test]
fn a_configuration_file_says_what_is_wrong_with_it() {
    let desk = Desk::new();
    let file = desk.beside("venue.toml");
    let path = file.to_str().unwrap();
    let arguments = ["serve", "--config", path];
    let said = refused(&desk.binary, &arguments, &desk.data);
    assert!(said.contains(&format!("cannot read the configuration {path}")), "{said}");
    fs::write(&file, "segmnet_mib = 64\n").unwrap();
    let said = refused(&desk.binary, &arguments, &desk.data);
    assert!(said.contains(path) && said.contains("line 1: unknown field `segmnet_mib`, expected"), "{said}");
    let archive = "[archive]\naudit_logs = \"a\"\n[[archives]]\nname = \"a\"\nkind = \"mongodb\"\nurl = \"mongodb://127.0.0.1\"\n";
    fs::write(&file, archive).unwrap();
    let said = refused(&desk.binary, &arguments, &desk.data);
    assert!(said.contains(path) && said.contains("archives[0] (a)") && said.contains("names no database"), "{said}");
}

#[test]
fn an_exposed_address_needs_a_word() {
    let desk = Desk::new();
    let said = refused(&desk.binary, &["serve", "--listen", "0.0.0.0:0"], &desk.data);
    assert!(said.contains("0.0.0.0:0") && said.contains("--allow-plaintext"), "{said}");
    assert!(!desk.data.exists(), "something was left behind");
}

#[test]
fn an_address_in_use_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let desk = Desk::new();
    let said = refused(&desk.binary, &["serve", "--listen", &address], &desk.data);
    assert!(said.contains(&format!("cannot listen on {address}")), "{said}");
    // The venue had begun; it begins again as if nothing had been.
    desk.serve().stop().unwrap();
    desk.verify();
}

#[test]
fn unknown_words_are_refused() {
    let desk = Desk::new();
    for arguments in [&["serve", "--nope"] as &[&str], &["sevre"], &["serve", "--listen", "x"], &["follower", "rewnid"]]
    {
        let output = desk.binary.command(arguments).output().unwrap();
        let said = outside::process::said(&output);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(arguments.last().unwrap()), "{said}");
    }
}

/// It is play, and its journal goes with it.
#[test]
fn a_demo_leaves_databases_alone() {
    let desk = Desk::new();
    let file = desk.beside("venue.toml");
    let elsewhere = desk.beside("elsewhere");
    let text = format!("hot_days = 1\nstore = {elsewhere:?}\nsegment_store = {elsewhere:?}\n");
    let shard = "[[shards]]\nname = \"a\"\nurl = \"postgres://127.0.0.1:1/a\"\n";
    fs::write(&file, text + shard).unwrap();
    let desk = desk.with("CONFIG", file.display());
    let arguments = ["demo", "--seconds", "1", "--rate", "100", "--listen", "127.0.0.1:0"];
    let output = desk.binary.run(&arguments, &desk.data).unwrap();
    let said = outside::process::said(&output);
    assert!(output.status.success() && !said.contains("127.0.0.1:1"), "{said}");
    assert!(desk.data.join("store/hot.db").exists() && !elsewhere.exists(), "{said}");
}

#[test]
fn a_place_without_a_venue_is_named() {
    let desk = Desk::new();
    fs::create_dir(&desk.data).unwrap();
    for arguments in [&["verify"] as &[&str], &["inspect", "journal"], &["follower", "rewind"]] {
        let said = refused(&desk.binary, arguments, &desk.data);
        assert!(said.contains("holds no venue"), "{arguments:?}: {said}");
    }
    let said = refused(&desk.binary, &["admin-key"], &desk.data);
    assert!(said.contains("was never served"), "{said}");
    let said = refused(&desk.binary, &["replay", "--orders", "/nowhere.csv"], &desk.data);
    assert!(said.contains("/nowhere.csv"), "{said}");
    let file = desk.beside("file");
    fs::write(&file, "not a directory").unwrap();
    let said = refused(&desk.binary, &["serve", "--listen", "127.0.0.1:0"], &file);
    assert!(said.contains(file.to_str().unwrap()), "{said}");
}
