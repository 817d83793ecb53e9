//! What a start must not forget, and what it must not believe.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use domain::units::{Epoch, UnixNanos};
use journal::block::{BlockKind, BlockToWrite};
use journal::config::{Config, Insist};
use journal::journal::Journal;
use sequencer::recovery::{Places, RULES_VERSION};

use crate::desk::{Desk, Market, until};

const UNNAMED: &str = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.0001&price=100";

#[test]
fn a_signed_order_is_taken_once_although_the_venue_was_killed_in_between() {
    let desk = Desk::new();
    let mut venue = desk.serve();
    let market = Market::open(&desk, &mut venue, 1);
    let mut client = market.trader(&mut venue);
    let unnamed = client.sign("/api/v3/order", UNNAMED);
    let named = client.sign("/api/v3/order", &format!("{UNNAMED}&newClientOrderId=mine"));
    let first = [&unnamed, &named].map(|target| {
        let answer = client.repeat("POST", target).unwrap();
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.body["orderId"].clone()
    });
    for target in [&unnamed, &named] {
        assert_eq!(client.repeat("POST", target).unwrap().body["code"], -1022);
    }
    venue.kill().unwrap();

    let mut venue = desk.serve();
    let mut client = market.trader(&mut venue);
    let again = client.repeat("POST", &unnamed).unwrap();
    assert_eq!((again.status, &again.body["code"]), (400, &(-1021).into()), "{}", again.body);
    let again = client.repeat("POST", &named).unwrap();
    assert_eq!((again.status, &again.body["orderId"]), (200, &first[1]), "{}", again.body);
    let open = client.get("/api/v3/openOrders", "").unwrap();
    let open: Vec<_> = open.as_array().unwrap().iter().map(|order| order["orderId"].clone()).collect();
    assert_eq!(open, first, "each once");
    // A moment later nobody can have had it before.
    until("an order without a name is taken", || client.ask("POST", "/api/v3/order", UNNAMED).unwrap().status == 200);
    venue.stop().unwrap();
}

#[test]
fn a_clock_behind_the_journal_is_announced() {
    let desk = Desk::new();
    let mut venue = desk.serve();
    let market = Market::open(&desk, &mut venue, 1);
    let status = market.trader(&mut venue).look("/v1/status").unwrap();
    assert_eq!(status["clockBehindMs"], 0);
    venue.stop().unwrap();
    write_in_the_future(&desk, Duration::from_hours(1));

    let mut venue = desk.serve();
    let log = desk.log();
    assert!(log.contains("the wall clock is behind the journal's last block"), "{log}");
    let mut client = market.trader(&mut venue);
    let behind_ms = client.look("/v1/status").unwrap()["clockBehindMs"].as_u64().unwrap();
    assert!((3_000_000..=3_600_000).contains(&behind_ms), "{behind_ms}");
    // By the venue's time the request is an hour late: it is refused, not placed.
    let answer = client.ask("POST", "/api/v3/order", &format!("{UNNAMED}&newClientOrderId=mine")).unwrap();
    assert_eq!((answer.status, &answer.body["code"]), (400, &(-1021).into()), "{}", answer.body);
    venue.stop().unwrap();
}

/// Begins another epoch, as a start does, on a machine whose clock is ahead.
fn write_in_the_future(desk: &Desk, ahead: Duration) {
    let places = Places::in_directory(&desk.data);
    let config = Config::commands(places.venue().unwrap().unwrap());
    let (mut journal, _) = Journal::open(places.journal, config, Insist::default()).unwrap();
    let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap() + ahead;
    let block = BlockToWrite {
        kind: BlockKind::Leader,
        rules_version: RULES_VERSION,
        epoch: Epoch(journal.tip().epoch.0 + 1),
        first_seq: journal.tip().seq.next(),
        count: 0,
        time: UnixNanos(u64::try_from(time.as_nanos()).unwrap()),
        payload: &[],
    };
    journal.append_synced(&[block]).unwrap();
}
