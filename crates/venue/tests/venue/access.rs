//! What is no command and is audited all the same: what was refused at the door, reads by admin and audit, the head of the chain.

use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use codec::command::encode_command;
use domain::command::note_head::NoteHead;
use domain::command::{Action, Command, Envelope, Note};
use domain::ids::Hash256;
use domain::units::Seq;
use hmac::{Hmac, KeyInit as _, Mac as _};
use journal::block::{BlockKind, BlockToWrite};
use journal::config::{Config, Insist};
use journal::journal::Journal;
use outside::client::{Client, Key};
use outside::http::Connection;
use outside::process::{Running, said};
use rusqlite::Connection as Database;
use sequencer::recovery::{Places, RULES_VERSION};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::desk::{Desk, Market, cancel, limit, place, until, until_stored};
use crate::export::{ALWAYS, check, export, files, lines, write_lines};
use crate::full_disk::{SmallDisk, fill};

/// One record of access.
#[derive(Debug, Clone)]
struct Record {
    user: i64,
    key: i64,
    address: i64,
    content: Value,
}

impl Record {
    fn kind(&self) -> &str {
        self.content["kind"].as_str().unwrap()
    }

    fn count(&self) -> u64 {
        self.content["count"].as_u64().unwrap()
    }
}

/// What the archive has of access, oldest first.
fn records(desk: &Desk) -> Vec<Record> {
    let archive = Database::open(desk.data.join("store/archive.db")).unwrap();
    let sql = "SELECT user_id, key_id, address_id, content FROM audit_logs WHERE action = 'note_access' ORDER BY seq";
    let mut statement = archive.prepare(sql).unwrap();
    let record = |row: &rusqlite::Row<'_>| {
        let content = serde_json::from_str(&row.get::<_, String>(3)?).unwrap();
        Ok(Record { user: row.get(0)?, key: row.get(1)?, address: row.get(2)?, content })
    };
    statement.query_map([], record).unwrap().map(Result::unwrap).collect()
}

fn attempts(records: &[Record]) -> u64 {
    records.iter().map(Record::count).sum()
}

fn key(admin: &mut Client, id: &str, user: u64, roles: &Value) -> (Key, i64) {
    let issued = admin.admin("keys", &json!({"requestId": id, "userId": user, "roles": roles})).unwrap();
    let text = |name: &str| issued[name].as_str().unwrap().to_owned();
    (Key { api_key: text("apiKey"), secret: text("secretKey") }, issued["keyId"].as_i64().unwrap())
}

/// A request that was signed a while ago.
fn signed_before(key: &Key, path: &str, seconds: u64) -> String {
    let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    let query = format!("timestamp={}", now_ms - u128::from(seconds) * 1_000);
    let mut mac = Hmac::<Sha256>::new_from_slice(key.secret.as_bytes()).unwrap();
    mac.update(query.as_bytes());
    format!("{path}?{query}&signature={}", hex::encode(mac.finalize().into_bytes()))
}

fn stranger(number: u64) -> String {
    format!("{number:064}")
}

#[test]
fn refusals_and_reads_with_rights_have_records_that_survive_everything() {
    let desk = Desk::new();
    let mut venue = desk.serve();
    let market = Market::open(&desk, &mut venue, 2);
    let mut admin = venue.client(&desk.binary.admin_key(&desk.data).unwrap()).unwrap();
    let (reader, reader_id) = key(&mut admin, "reader", 2, &json!(["read"]));
    let (auditor, auditor_id) = key(&mut admin, "auditor", 3, &json!(["audit"]));
    let (revoked, revoked_id) = key(&mut admin, "revoked", 2, &json!(["read"]));
    admin.admin("keys/revoke", &json!({"requestId": "revoke", "apiKey": revoked.api_key})).unwrap();
    let there = IpAddr::from(Ipv4Addr::new(127, 0, 0, 7));
    let address = venue.address().unwrap();
    let ask = |key: &Key, method: &str, path: &str, query: &str| {
        Client::new(address, key).from_address(there).ask(method, path, query).unwrap()
    };

    let trader = market.traders[0].clone();
    let forger = Key { secret: "guessed".into(), ..trader.clone() };
    let unknown = Key { api_key: stranger(1), secret: "none".into() };
    assert_eq!(ask(&forger, "GET", "/api/v3/account", "").code(), Some(-1022));
    assert_eq!(ask(&unknown, "GET", "/v1/ledger", "").code(), Some(-2015));
    assert_eq!(ask(&revoked, "GET", "/api/v3/account", "").code(), Some(-2015));
    assert_eq!(ask(&reader, "POST", "/api/v3/order", &limit("BUY", 100, "never")).code(), Some(-2015));
    assert_eq!(ask(&reader, "GET", "/v1/audit", "").code(), Some(-1002));
    let mut client = Client::new(address, &trader).from_address(there);
    let target = client.sign("/api/v3/order", &limit("BUY", 100, "once"));
    assert_eq!(client.repeat("POST", &target).unwrap().status, 200);
    assert_eq!(client.repeat("POST", &target).unwrap().code(), Some(-1022));
    let old = signed_before(&trader, "/api/v3/account", 90);
    assert_eq!(client.repeat("GET", &old).unwrap().code(), Some(-1021));
    assert_eq!(ask(&desk.binary.admin_key(&desk.data).unwrap(), "GET", "/v1/admin/shards", "").status, 200);
    assert_eq!(ask(&auditor, "GET", "/v1/ledger", "userId=2").status, 200);

    // Each was answered, so each is on disk.
    venue.kill().unwrap();
    let mut venue = desk.serve();
    until_stored(&mut market.trader(&mut venue));
    let records = records(&desk);
    let short: Vec<_> = records.iter().map(|record| (record.kind(), record.user, record.key, record.count())).collect();
    let trader_key = records[0].content["claimed_key"].as_i64().unwrap();
    assert_eq!(
        short,
        [
            ("bad_signature", 0, 0, 1),
            ("unknown_key", 0, 0, 1),
            ("revoked_key", 0, 0, 1),
            ("role_missing", 2, reader_id, 1),
            ("role_missing", 2, reader_id, 1),
            ("replayed", 2, trader_key, 1),
            ("replayed", 2, trader_key, 1),
            ("read", 1, 1, 1),
            ("read", 3, auditor_id, 1),
        ]
    );
    let at: Vec<_> = records.iter().map(|record| record.content["path"].as_str().unwrap()).collect();
    assert_eq!(
        at[3..],
        ["/api/v3/order", "/v1/audit", "/api/v3/order", "/api/v3/account", "/v1/admin/shards", "/v1/ledger"]
    );
    assert_eq!(records[1].content["claimed_api_key_blake3"], blake3::hash(stranger(1).as_bytes()).to_hex().as_str());
    assert_eq!(records[2].content["claimed_key"], revoked_id);
    assert_eq!(records[8].content["about_user"], 2);
    assert!(records.iter().all(|record| record.address == records[0].address && record.address > 0), "{records:?}");

    // The search shows them, and is itself a read.
    let mut searcher = Client::new(venue.address().unwrap(), &auditor);
    let page = searcher.get("/v1/audit", "action=note_access&fromSequence=1").unwrap();
    let rows = page["rows"].as_array().unwrap();
    assert_eq!(rows.len(), records.len(), "{page}");
    assert_eq!((&rows[8]["content"]["kind"], &rows[8]["outcome"]), (&json!("read"), &json!("accepted")));
    until_stored(&mut searcher);

    the_address_can_be_forgotten(&desk, venue, &trader, records.len() + 1);
}

/// The text of the address goes; no record and no hash changes, and exports have all of them.
fn the_address_can_be_forgotten(desk: &Desk, venue: Running, trader: &Key, count: usize) {
    let output = desk.binary.run(&["addresses", "forget", "127.0.0.7"], &desk.data).unwrap();
    assert!(output.status.success(), "{}", said(&output));
    venue.stop().unwrap();
    desk.verify();
    assert_eq!(records(desk).len(), count);
    let out = desk.beside("export");
    let range = ["export", "--from", "2020-01-01", "--to", "2200-01-01", "--out", out.to_str().unwrap()];
    let output = desk.binary.run(&range, &desk.data).unwrap();
    assert!(output.status.success(), "{}", said(&output));
    let files = fs::read_dir(&out).unwrap().map(|entry| entry.unwrap().path());
    let files = files.filter(|path| path.extension().is_some_and(|extension| extension == "zst"));
    let text: Vec<u8> = files.flat_map(|file| zstd::decode_all(&fs::read(file).unwrap()[..]).unwrap()).collect();
    let text = String::from_utf8(text).unwrap();
    assert_eq!(text.matches("\"action\":\"note_access\"").count(), count);
    assert!(!text.contains("127.0.0.7") && !text.contains(&stranger(1)) && !text.contains(&trader.secret));
}

#[test]
fn a_flood_is_counted_whole_and_costs_few_records() {
    const CONNECTIONS: u64 = 500;
    const EACH: u64 = 20;
    let desk = Desk::new();
    let mut venue = desk.serve();
    let market = Market::open(&desk, &mut venue, 1);
    let address = venue.address().unwrap();
    let trader = market.traders[0].clone();
    let forged = Client::new(address, &Key { secret: "guessed".into(), ..trader }).sign("/api/v3/account", "");
    let started = Instant::now();
    let mut connections: Vec<Connection> = (0..CONNECTIONS)
        .map(|number| {
            // Half of them forge signatures of a key there is, half try keys there are not: sixteen different attempts.
            let from = IpAddr::from(Ipv4Addr::new(127, 0, 1, u8::try_from(number % 16).unwrap() + 1));
            let is_forger = number % 2 == 0;
            let api_key = if is_forger { market.traders[0].api_key.clone() } else { stranger(number % 16) };
            let mut connection = Connection::open_from(from, address, &api_key).unwrap();
            (0..EACH).for_each(|_| connection.send("GET", &forged, "").unwrap());
            connection
        })
        .collect();
    // Those who may are served meanwhile, and what has to be recorded of them is, by name.
    let mut client = market.trader(&mut venue);
    place(&mut client, "BUY", 100, "meanwhile");
    let mut admin = venue.client(&desk.binary.admin_key(&desk.data).unwrap()).unwrap();
    admin.get("/v1/admin/shards", "").unwrap();
    for (number, connection) in connections.iter_mut().enumerate() {
        let expected = if number % 2 == 0 { -1022 } else { -2015 };
        for _ in 0..EACH {
            assert_eq!(connection.hear().unwrap().code(), Some(expected));
        }
    }
    let seconds = started.elapsed().as_secs() + 1;
    venue.stop().unwrap();
    let records = records(&desk);
    let of = |kind: &str| records.iter().filter(|record| record.kind() == kind).map(Record::count).sum::<u64>();
    assert_eq!(of("bad_signature"), CONNECTIONS / 2 * EACH);
    assert_eq!(of("unknown_key"), CONNECTIONS / 2 * EACH);
    assert_eq!(attempts(&records), CONNECTIONS * EACH + 1);
    let allowed = 32 * (seconds + 1) + 128;
    assert!(records.len() as u64 <= allowed, "{} records in {seconds} s", records.len());
    let read = records.iter().find(|record| record.kind() == "read").unwrap();
    assert_eq!((read.user, read.key, &read.content["path"]), (1, 1, &json!("/v1/admin/shards")));
    desk.verify();
}

#[test]
fn without_room_refusals_and_reads_go_on_and_are_recorded_afterwards() {
    let desk = Desk::new();
    let Some(disk) = SmallDisk::mount(desk.beside("disk")) else {
        println!("skipped: this user may not mount a small file system");
        return;
    };
    let (data, ballast) = (disk.path().join("venue"), disk.path().join("ballast"));
    let desk = desk.at(data);
    let mut venue = desk.serve();
    let market = Market::open(&desk, &mut venue, 1);
    let mut admin = venue.client(&desk.binary.admin_key(&desk.data).unwrap()).unwrap();
    let mut client = market.trader(&mut venue);
    until("not even cancels are taken", || {
        fill(&ballast);
        (0..100).any(|_| cancel(&mut client, "none").status == 503)
    });
    let forger = Key { secret: "guessed".into(), ..market.traders[0].clone() };
    let mut forger = venue.client(&forger).unwrap();
    for _ in 0..5 {
        assert_eq!(forger.ask("GET", "/api/v3/account", "").unwrap().code(), Some(-1022));
        admin.get("/v1/admin/shards", "").unwrap();
    }
    assert!(desk.log().contains("access cannot be recorded at present"), "{}", desk.log());
    assert_eq!(attempts(&records(&desk)), 0);

    fs::remove_file(&ballast).unwrap();
    until("there is room for the records", || desk.log().contains("access is recorded again"));
    until_stored(&mut client);
    let records = records(&desk);
    assert_eq!(attempts(&records), 10, "{records:?}");
    venue.stop().unwrap();
    desk.verify();
}

/// Heads that the archive has: of which sequence, with which hash.
fn heads(desk: &Desk) -> Vec<(u64, String)> {
    let archive = Database::open(desk.data.join("store/archive.db")).unwrap();
    let mut statement =
        archive.prepare("SELECT content FROM audit_logs WHERE action = 'note_head' ORDER BY seq").unwrap();
    let contents = statement.query_map([], |row| row.get::<_, String>(0)).unwrap();
    let head = |content: String| {
        let content: Value = serde_json::from_str(&content).unwrap();
        (content["head"].as_u64().unwrap(), content["head_block"].as_str().unwrap().to_owned())
    };
    contents.map(|content| head(content.unwrap())).collect()
}

fn until_heads(desk: &Desk, client: &mut Client, count: usize) -> Vec<(u64, String)> {
    until("heads of the chain are noted", || heads(desk).len() >= count);
    until_stored(client);
    heads(desk)
}

fn exports_compare_heads(desk: &Desk, block: &str) {
    let out = desk.beside("heads");
    let (_, key) = export(desk, ALWAYS, &out);
    let (is_good, said) = check(desk, &key, &[&out]);
    assert!(is_good, "{said}");
    let noted = format!("\"head_block\":\"{block}\"");
    let other = noted.replace(block, &"07".repeat(32));
    let has_it = |file: &PathBuf| lines(file).iter().any(|line| line.contains(&noted));
    let file = files(&out).into_iter().find(has_it).expect("the head was exported");
    let changed: Vec<String> = lines(&file).iter().map(|line| line.replace(&noted, &other)).collect();
    write_lines(&file, &changed);
    let (is_good, said) = check(desk, &key, &[&out]);
    assert!(!is_good && said.contains(&format!("says that the chain had {}", "07".repeat(32))), "{said}");
}

#[test]
fn the_head_of_the_chain_is_noted_in_log_and_archive_and_verified() {
    let desk = Desk::new().with("CHAIN_HEAD_EVERY_S", 1);
    let mut venue = desk.serve();
    let market = Market::open(&desk, &mut venue, 1);
    let mut client = market.trader(&mut venue);
    let first = until_heads(&desk, &mut client, 2);
    venue.kill().unwrap();
    let mut venue = desk.serve();
    let all = until_heads(&desk, &mut market.trader(&mut venue), first.len() + 1);
    assert_eq!(all[..first.len()], first, "those of before the kill are there once");
    venue.stop().unwrap();
    let archive = Database::open(desk.data.join("store/archive.db")).unwrap();
    let log = desk.log();
    for (seq, block) in &all {
        let sql = "SELECT lower(hex(block)) FROM audit_logs WHERE seq = ?1";
        let found: String = archive.query_row(sql, [seq.cast_signed()], |row| row.get(0)).unwrap();
        assert_eq!(found, *block, "{seq}");
    }
    let (seq, block) = &all[first.len()];
    let line = log.lines().find(|line| line.contains(&block[..])).unwrap_or_else(|| panic!("{log}"));
    assert!(line.contains("head of the chain") && line.contains(&seq.to_string()), "{line}");
    let verified = desk.verify();
    assert!(verified.contains("heads of the chain were noted, and it still has all of them"), "{verified}");

    exports_compare_heads(&desk, block);

    // A head that the chain never had.
    append_head(&desk, NoteHead { seq: Seq(*seq), block: Hash256([7; 32]) });
    desk.serve().stop().unwrap();
    let refused = desk.refused_verify();
    assert!(
        refused.contains(&format!("says that the chain had {} at {seq}; it has not", "07".repeat(32))),
        "{refused}"
    );
}

/// Writes a command into the journal as the sequencer would.
fn append_head(desk: &Desk, head: NoteHead) {
    let places = Places::in_directory(&desk.data);
    let config = Config::commands(places.venue().unwrap().unwrap());
    let (mut journal, _) = Journal::open(places.journal, config, Insist::default()).unwrap();
    let mut payload = Vec::new();
    encode_command(&Command { envelope: Envelope::VENUE, action: Action::Note(Note::Head(head)) }, &mut payload);
    let tip = journal.tip();
    let block = BlockToWrite {
        kind: BlockKind::Commands,
        rules_version: RULES_VERSION,
        epoch: tip.epoch,
        first_seq: tip.seq.next(),
        count: 1,
        time: tip.time,
        payload: &payload,
    };
    journal.append_synced(&[block]).unwrap();
}
