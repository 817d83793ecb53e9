//! Client addresses: a number in journal and audit log, the clear text in a table that can be deleted from.

use std::collections::BTreeMap;
use std::fs;
use std::net::{IpAddr, Ipv4Addr};

use outside::client::Client;
use outside::process::said;
use rusqlite::Connection;

use crate::desk::{Desk, Market, limit, place, refused, until_stored};

/// An address of this machine that no other process comes from.
fn loopback(last: u8) -> IpAddr {
    Ipv4Addr::new(127, 0, 0, last).into()
}

fn addresses(desk: &Desk, arguments: &[&str]) -> String {
    let output = desk.binary.run(&[&["addresses"], arguments].concat(), &desk.data).unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", said(&output));
    String::from_utf8(output.stdout).unwrap()
}

/// The numbers by address, as `addresses list` shows them.
fn listed(desk: &Desk) -> BTreeMap<IpAddr, u32> {
    let row = |line: &str| {
        let [number, address, first_seen_ms] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
        assert!(first_seen_ms.parse::<u64>().unwrap() > 1_000_000_000_000, "{line}");
        (address.parse().unwrap(), number.parse().unwrap())
    };
    addresses(desk, &["list"]).lines().map(row).collect()
}

/// The number that the audit log has for an order.
fn audited(desk: &Desk, client_id: &str) -> u32 {
    let archive = Connection::open(desk.data.join("store/archive.db")).unwrap();
    let sql = "SELECT address_id FROM audit_logs WHERE action = 'place_order' AND content LIKE ?1";
    archive.query_row(sql, [format!("%\"{client_id}\"%")], |row| row.get(0)).unwrap()
}

#[test]
fn a_command_carries_the_number_of_its_address_and_the_text_can_be_deleted() {
    let desk = Desk::new();
    let mut venue = desk.serve();
    let market = Market::open(&desk, &mut venue, 1);
    let mut here = market.trader(&mut venue);
    let mut there = market.trader(&mut venue).from_address(loopback(7));
    place(&mut here, "BUY", 100, "here");
    place(&mut there, "BUY", 100, "there");
    let first = listed(&desk);
    assert_eq!(first.keys().copied().collect::<Vec<_>>(), [loopback(1), loopback(7)]);

    // Killed at once: what a command carries was durable before it.
    let mut other = market.trader(&mut venue).from_address(loopback(8));
    place(&mut other, "BUY", 100, "other");
    venue.kill().unwrap();
    let mut venue = desk.serve();
    let mut there = market.trader(&mut venue).from_address(loopback(7));
    place(&mut there, "BUY", 100, "again");
    until_stored(&mut there);
    let second = listed(&desk);
    assert_eq!(second.len(), 3);
    for (name, source) in [("here", 1), ("there", 7), ("other", 8), ("again", 7)] {
        assert_eq!(audited(&desk, name), second[&loopback(source)], "{name}");
    }
    assert_eq!(first[&loopback(7)], second[&loopback(7)]);

    // Beside the running venue, by address and by number.
    let number = second[&loopback(8)].to_string();
    addresses(&desk, &["forget", "127.0.0.7", &number]);
    assert_eq!(listed(&desk).keys().copied().collect::<Vec<_>>(), [loopback(1)]);
    let text = fs::read(desk.data.join("addresses.db")).unwrap();
    assert!(!text.windows(9).any(|window| window == b"127.0.0.7" || window == b"127.0.0.8"), "the text is still there");
    let again = refused(&desk.binary, &["addresses", "forget", "127.0.0.7"], &desk.data);
    assert!(again.contains("127.0.0.7 is not in the table"), "{again}");
    venue.stop().unwrap();

    // Nobody ever gets a number that another had.
    let mut venue = desk.serve();
    let mut there = market.trader(&mut venue).from_address(loopback(7));
    place(&mut there, "BUY", 100, "new");
    until_stored(&mut there);
    let third = listed(&desk);
    assert!(third[&loopback(7)] > *second.values().max().unwrap(), "{third:?} after {second:?}");
    assert_eq!(audited(&desk, "new"), third[&loopback(7)]);
    venue.stop().unwrap();
    desk.verify();
}

#[test]
fn who_only_reads_what_is_their_own_gets_no_number() {
    let desk = Desk::new();
    let mut venue = desk.serve();
    let market = Market::open(&desk, &mut venue, 1);
    let stranger = outside::client::Key { secret: "not the secret".into(), ..market.traders[0].clone() };
    let mut stranger = Client::new(venue.address().unwrap(), &stranger).from_address(loopback(9));
    let answer = stranger.ask("POST", "/api/v3/order", &limit("BUY", 100, "stranger")).unwrap();
    assert_eq!(answer.code(), Some(-1022), "{}", answer.body);
    let mut reader = market.trader(&mut venue).from_address(loopback(10));
    reader.get("/api/v3/openOrders", "").unwrap();
    // An attempt is noted with where it came from.
    assert_eq!(listed(&desk).keys().copied().collect::<Vec<_>>(), [loopback(1), loopback(9)]);
    venue.stop().unwrap();
}

#[test]
fn without_the_file_numbers_go_on_behind_the_journal() {
    let desk = Desk::new();
    let mut venue = desk.serve();
    let market = Market::open(&desk, &mut venue, 1);
    let committed = {
        let mut trader = market.trader(&mut venue);
        place(&mut trader, "BUY", 100, "before");
        trader.look("/v1/status").unwrap()["committed"].as_u64().unwrap()
    };
    venue.stop().unwrap();
    fs::remove_file(desk.data.join("addresses.db")).unwrap();
    let mut venue = desk.serve();
    place(&mut market.trader(&mut venue), "BUY", 100, "after");
    assert!(u64::from(listed(&desk)[&loopback(1)]) > committed);
    venue.stop().unwrap();
}
