//! Exports of the audit records: as the archive has them, and whatever is changed in one is named.

use std::fs;
use std::path::{Path, PathBuf};

use outside::process::said;
use rusqlite::Connection;
use serde_json::Value;

use crate::desk::{Desk, Market, copy, place, refused, until_stored};
use crate::full_disk::{SmallDisk, fill};

pub(crate) const ALWAYS: [&str; 2] = ["2020-01-01", "2200-01-01"];

/// Some thousand records, and the key to sign with, which the first `serve` makes.
fn loaded() -> Desk {
    let desk = Desk::new();
    desk.load(2_000);
    desk.serve().stop().unwrap();
    desk
}

/// Exports what is from the first time to before the second; what was said, and the key.
pub(crate) fn export(desk: &Desk, [from, to]: [&str; 2], out: &Path) -> (String, String) {
    let out = out.to_str().unwrap();
    let output = desk.binary.run(&["export", "--from", from, "--to", to, "--out", out], &desk.data).unwrap();
    assert!(output.status.success(), "{}", said(&output));
    let said = String::from_utf8(output.stdout).unwrap();
    let key = said.lines().find_map(|line| line.strip_prefix("key ")).unwrap().to_owned();
    (said, key)
}

/// Checks exports with a key alone: whether they are in order, and what was said.
pub(crate) fn check(desk: &Desk, key: &str, exports: &[&Path]) -> (bool, String) {
    let exports = exports.iter().map(|path| path.to_str().unwrap());
    let arguments: Vec<&str> = ["check-export", "--key", key].into_iter().chain(exports).collect();
    let output = desk.binary.command(&arguments).output().unwrap();
    (output.status.success(), said(&output))
}

/// The only file of records: or two, where midnight passed meanwhile.
pub(crate) fn files(out: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(out).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "zst"));
    files.sort();
    files
}

pub(crate) fn lines(file: &Path) -> Vec<String> {
    let text = zstd::decode_all(&fs::read(file).unwrap()[..]).unwrap();
    String::from_utf8(text).unwrap().lines().map(str::to_owned).collect()
}

pub(crate) fn write_lines(file: &Path, lines: &[String]) {
    let text: String = lines.iter().flat_map(|line| [line, "\n"]).collect();
    fs::write(file, zstd::encode_all(text.as_bytes(), 3).unwrap()).unwrap();
}

#[test]
fn an_export_has_what_the_archive_has_and_no_secret() {
    let desk = Desk::new();
    let mut venue = desk.serve();
    let market = Market::open(&desk, &mut venue, 2);
    let mut trader = market.trader(&mut venue);
    for number in 0..20 {
        place(&mut trader, "BUY", 100 + number, &format!("order-{number}"));
    }
    until_stored(&mut trader);
    // Beside the venue.
    let out = desk.beside("export");
    let (said, key) = export(&desk, ALWAYS, &out);
    assert!(said.contains("none missing") && said.contains("the range is not over"), "{said}");
    let (is_good, checked) = check(&desk, &key, &[&out]);
    assert!(is_good, "{checked}");
    let output = desk.binary.run(&["check-export", out.to_str().unwrap()], &desk.data).unwrap();
    assert!(output.status.success(), "the venue knows its key: {}", outside::process::said(&output));

    let exported: Vec<String> = files(&out).iter().flat_map(|file| lines(file)).collect();
    let archive = Connection::open(desk.data.join("store/archive.db")).unwrap();
    let sql = "SELECT seq, time, user_id, key_id, address_id, action, content, outcome, lower(hex(block)) FROM audit_logs ORDER BY seq";
    let mut statement = archive.prepare(sql).unwrap();
    let mut rows = statement.query([]).unwrap();
    for line in &exported {
        let row = rows.next().unwrap().expect("as many rows");
        let record: Value = serde_json::from_str(line).unwrap();
        for (column, name) in
            ["seq", "time", "user", "key", "address"].into_iter().enumerate().filter(|(at, _)| *at != 1)
        {
            assert_eq!(record[name].as_i64(), Some(row.get(column).unwrap()), "{name} of {line}");
        }
        let ns = record["time"].as_str().unwrap().split_once('.').unwrap().1.trim_end_matches('Z');
        assert_eq!(ns.parse::<i64>().unwrap(), row.get::<_, i64>(1).unwrap() % 1_000_000_000, "{line}");
        for (column, name) in [(5, "action"), (7, "outcome"), (8, "block")] {
            assert_eq!(record[name].as_str().unwrap(), row.get::<_, String>(column).unwrap(), "{name} of {line}");
        }
        let content: Value = serde_json::from_str(&row.get::<_, String>(6).unwrap()).unwrap();
        assert_eq!(record["content"], content);
    }
    assert!(rows.next().unwrap().is_none(), "more rows than lines");
    let text = exported.concat();
    for action in ["place_order", "deposit", "create_api_key"] {
        assert!(text.contains(&format!("\"action\":\"{action}\"")), "{action}");
    }
    assert!(text.contains("sealed_secret_blake3") && !text.contains("sealed_secret\""));
    assert!(market.traders.iter().all(|key| !text.contains(&key.secret)));
    assert!(!text.contains("127.0.0.1"), "addresses are numbers");
    venue.stop().unwrap();
}

#[test]
fn ranges_follow_each_other_without_a_gap() {
    let desk = loaded();
    let all = desk.beside("all");
    let (_, key) = export(&desk, ALWAYS, &all);
    let records: Vec<String> = files(&all).iter().flat_map(|file| lines(file)).collect();
    let time = |at: usize| serde_json::from_str::<Value>(&records[at]).unwrap()["time"].as_str().unwrap().to_owned();
    // A block has one time: the cuts are where a block begins.
    let cuts = [time(records.len() / 3), time(records.len() * 2 / 3)];
    assert!(cuts[0] < cuts[1], "{cuts:?}");
    let ranges = [[ALWAYS[0], &cuts[0]], [&cuts[0], &cuts[1]], [&cuts[1], ALWAYS[1]]];
    let parts: Vec<PathBuf> = (0..3).map(|number| desk.beside(&format!("part-{number}"))).collect();
    for (range, part) in ranges.into_iter().zip(&parts) {
        let (said, _) = export(&desk, range, part);
        assert_eq!(said.contains("the range is not over"), range[1] == ALWAYS[1], "{said}");
    }
    let together: Vec<String> = parts.iter().flat_map(|part| files(part)).flat_map(|file| lines(&file)).collect();
    assert_eq!(together, records);
    let [first, second, third] = [0, 1, 2].map(|at| parts[at].as_path());
    let (is_good, said) = check(&desk, &key, &[first, second, third]);
    assert!(is_good, "{said}");
    for wrong in [&[first, third][..], &[second, first], &[first, first]] {
        let (is_good, said) = check(&desk, &key, wrong);
        assert!(!is_good && said.contains("does not go on from"), "{said}");
    }
}

#[test]
fn exports_without_a_record_are_in_their_place_too() {
    let desk = Desk::new();
    let market = load_and_trade(&desk, 0, None);
    // A block has one time, and so has the middle of the time in which nobody did anything.
    let (_, key) = export(&desk, ALWAYS, &desk.beside("all"));
    let records = files(&desk.beside("all")).iter().flat_map(|file| lines(file)).collect::<Vec<_>>();
    let end = just_after(records.last().unwrap());
    load_and_trade(&desk, 1, Some(&market));
    let times = [ALWAYS[0], "2020-01-02", &end, &just_after_that(&end), ALWAYS[1], "2200-01-02"];
    let part = |name: &str, range: [usize; 2]| {
        let out = desk.beside(name);
        let (said, _) = export(&desk, range.map(|at| times[at]), &out);
        (out, said)
    };
    let (before, said) = part("before", [0, 1]);
    assert!(said.contains("0 records in 0 files"), "{said}");
    let (first, _) = part("first", [1, 2]);
    let (between, said) = part("between", [2, 3]);
    assert!(said.contains("0 records in 0 files"), "{said}");
    let (second, _) = part("second", [3, 4]);
    let (after, said) = part("after", [4, 5]);
    assert!(said.contains("0 records in 0 files") && said.contains("the range is not over"), "{said}");
    let [before, first, between, second, after] = [&before, &first, &between, &second, &after].map(PathBuf::as_path);
    for right in [
        &[before, first, between, second, after][..],
        // Nothing is between them.
        &[first, second],
        &[before, first],
        &[between, second],
        &[second, after],
    ] {
        let (is_good, said) = check(&desk, &key, right);
        assert!(is_good, "{right:?}: {said}");
    }
    for wrong in [
        &[first, between, after][..],
        &[before, second],
        &[before, between, second],
        &[before, after],
        &[first, after],
        &[between, first],
        &[after, first],
    ] {
        let (is_good, said) = check(&desk, &key, wrong);
        assert!(!is_good && said.contains("does not go on from"), "{wrong:?}: {said}");
    }
}

/// Some orders, the first time of a new market.
fn load_and_trade(desk: &Desk, round: u64, market: Option<&Market>) -> Market {
    let mut venue = desk.serve();
    let opened = market.is_none().then(|| Market::open(desk, &mut venue, 1));
    let traders = market.or(opened.as_ref()).unwrap().traders.clone();
    let mut trader = venue.client(&traders[0]).unwrap();
    for number in 0..5 {
        place(&mut trader, "BUY", 100, &format!("order-{round}-{number}"));
    }
    until_stored(&mut trader);
    venue.stop().unwrap();
    Market { traders }
}

/// The nanosecond after a record.
fn just_after(line: &str) -> String {
    just_after_that(serde_json::from_str::<Value>(line).unwrap()["time"].as_str().unwrap())
}

fn just_after_that(time: &str) -> String {
    let (seconds, ns) = time.trim_end_matches('Z').split_once('.').unwrap();
    let ns = ns.parse::<u64>().unwrap() + 1;
    assert!(ns < 1_000_000_000, "a clock that stops at the end of a second");
    format!("{seconds}.{ns:09}Z")
}

/// What somebody does to an export, and what the check must say.
struct Case {
    what: &'static str,
    change: fn(&Path),
    says: &'static str,
}

const CASES: [Case; 12] = [
    Case {
        what: "a line is removed",
        change: |out| edit(out, |lines| drop(lines.remove(9))),
        says: "record 10 is missing: 11 comes next",
    },
    Case {
        what: "the first line is removed",
        change: |out| edit(out, |lines| drop(lines.remove(0))),
        says: "record 1 is missing",
    },
    Case {
        what: "the last line is removed",
        change: |out| edit(out, |lines| drop(lines.pop())),
        says: "is missing at the end",
    },
    Case {
        what: "a line is repeated",
        change: |out| edit(out, |lines| lines.insert(9, lines[8].clone())),
        says: "record 9 comes a second time",
    },
    Case {
        what: "two lines are swapped",
        change: |out| edit(out, |lines| lines.swap(9, 10)),
        says: "record 10 is missing",
    },
    Case {
        what: "a line is changed",
        change: |out| edit(out, |lines| lines[9] = lines[9].replace("\"user\":", "\"user\":1")),
        says: "a record was changed",
    },
    Case { what: "a line is no record", change: |out| edit(out, |lines| lines[9] = "{}".into()), says: "line 10" },
    Case { what: "lines are packed otherwise", change: |out| edit(out, |_| ()), says: "its hash is" },
    Case {
        what: "a file is cut",
        change: |out| {
            let file = &files(out)[0];
            let bytes = fs::read(file).unwrap();
            fs::write(file, &bytes[..bytes.len() / 2]).unwrap();
        },
        says: "damaged behind line",
    },
    Case { what: "a file is removed", change: |out| fs::remove_file(&files(out)[0]).unwrap(), says: "audit-" },
    Case {
        what: "a file is added",
        change: |out| fs::write(out.join("more.jsonl.zst"), "").unwrap(),
        says: "more.jsonl.zst is not of the export",
    },
    Case {
        what: "the manifest is changed",
        change: |out| {
            let path = out.join("manifest.json");
            let text = fs::read_to_string(&path).unwrap();
            fs::write(&path, text.replace("\"is_complete\": false", "\"is_complete\": true")).unwrap();
        },
        says: "or was changed since",
    },
];

fn edit(out: &Path, change: impl FnOnce(&mut Vec<String>)) {
    let file = &files(out)[0];
    let mut lines = lines(file);
    change(&mut lines);
    write_lines(file, &lines);
}

#[test]
fn every_change_to_an_export_is_found_and_named() {
    let desk = loaded();
    let out = desk.beside("export");
    let (_, key) = export(&desk, ALWAYS, &out);
    let clean = desk.beside("clean");
    copy(&out, &clean);
    for Case { what, change, says } in CASES {
        change(&out);
        let (is_good, said) = check(&desk, &key, &[&out]);
        assert!(!is_good && said.contains(says), "{what}: no {says:?} in\n{said}");
        fs::remove_dir_all(&out).unwrap();
        copy(&clean, &out);
    }
    // Another venue's key, and an export that nobody finished.
    let other = loaded();
    let (_, others_key) = export(&other, ALWAYS, &other.beside("export"));
    let (is_good, said) = check(&desk, &others_key, &[&out]);
    assert!(!is_good && said.contains("was not signed with the key"), "{said}");
    fs::remove_file(out.join("manifest.json")).unwrap();
    let (is_good, said) = check(&desk, &key, &[&out]);
    assert!(!is_good && said.contains("not finished"), "{said}");
    // What is there is not written over.
    let arguments = ["export", "--from", ALWAYS[0], "--to", ALWAYS[1], "--out", clean.to_str().unwrap()];
    assert!(refused(&desk.binary, &arguments, &desk.data).contains("cannot make"));
}

#[test]
fn no_export_hides_what_was_done_to_the_archive() {
    let desk = loaded();
    let (store, clean) = (desk.data.join("store"), desk.beside("clean"));
    copy(&store, &clean);
    let out = desk.beside("export");
    for (change, says) in [
        ("DELETE FROM audit_logs WHERE seq = 50", "record 50 is missing in the archive: the next one is 51"),
        (
            "DELETE FROM audit_logs WHERE seq = (SELECT max(seq) FROM audit_logs)",
            "is missing in the archive, whose checkpoint is",
        ),
        ("UPDATE audit_logs SET content = '{' WHERE seq = 50", "record 50 was altered"),
        ("UPDATE audit_logs SET user_id = user_id + 1 WHERE seq = 50", "record 50 was altered"),
        ("UPDATE audit_logs SET outcome = 'accepted', time = time - 1 WHERE seq = 51", "record 51 was altered"),
        ("UPDATE audit_logs SET block = zeroblob(32) WHERE seq = 1", "record 1 was altered"),
        // Out of the range, at either end.
        ("UPDATE audit_logs SET time = 1 WHERE seq = 1", "record 1 was altered"),
        (
            "UPDATE audit_logs SET time = 9000000000000000000 WHERE seq = (SELECT max(seq) FROM audit_logs)",
            "was altered in the archive",
        ),
    ] {
        let archive = Connection::open(store.join("archive.db")).unwrap();
        assert_eq!(archive.execute(change, []).unwrap(), 1);
        drop(archive);
        let said = refused(&desk.binary, &arguments(&out), &desk.data);
        assert!(said.contains(says), "{change}: {said}");
        assert!(left_beside(&desk, "export").is_empty(), "{change}: nothing is left of it");
        fs::remove_dir_all(&store).unwrap();
        copy(&clean, &store);
    }
    let (said, key) = export(&desk, ALWAYS, &out);
    assert!(!said.contains("as the archive had them"), "{said}");
    assert_eq!(left_beside(&desk, "export"), ["export"]);
    assert!(check(&desk, &key, &[&out]).0);
}

fn arguments(out: &Path) -> [&str; 7] {
    ["export", "--from", ALWAYS[0], "--to", ALWAYS[1], "--out", out.to_str().unwrap()]
}

/// Names beside the data directory that begin so.
fn left_beside(desk: &Desk, begin: &str) -> Vec<String> {
    let names = fs::read_dir(desk.beside("")).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.starts_with(begin)).collect()
}

#[test]
fn what_the_logs_no_longer_have_is_said_not_to_be_compared() {
    let desk = Desk::new().with("SNAPSHOT_EVERY", 1_000).with("RETAIN_HOURS", 0);
    desk.load_until_purged();
    desk.serve().stop().unwrap();
    let out = desk.beside("export");
    let (said, key) = export(&desk, ALWAYS, &out);
    let (_, noted) = said.split_once("note  records 1 to ").unwrap_or_else(|| panic!("no note in {said}"));
    let last: u64 = noted.split(' ').next().unwrap().parse().unwrap();
    let manifest: Value = serde_json::from_str(&fs::read_to_string(out.join("manifest.json")).unwrap()).unwrap();
    assert_eq!(manifest["compared_from"].as_u64(), Some(last + 1), "{manifest}");
    let (is_good, checked) = check(&desk, &key, &[&out]);
    assert!(
        is_good && checked.contains(&format!("note  records 1 to {last} are as the archive had them")),
        "{checked}"
    );
}

#[test]
fn an_export_without_room_says_where_and_leaves_nothing() {
    let desk = loaded();
    let Some(disk) = SmallDisk::mount(desk.beside("disk")) else {
        println!("skipped: this user may not mount a small file system");
        return;
    };
    fill(&disk.path().join("ballast"));
    let out = disk.path().join("november");
    let said = refused(&desk.binary, &arguments(&out), &desk.data);
    assert!(said.contains("cannot write") && said.contains("november.unfinished/audit-"), "{said}");
    assert_eq!(fs::read_dir(disk.path()).unwrap().count(), 1, "only what fills it is there");
}
