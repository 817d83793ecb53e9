//! History read from a standby: where it is new enough, and from nowhere else otherwise.

use std::fs;

use outside::client::Client;
use pg_cluster::options::Options;
use pg_cluster::server::Server;
use serde_json::Value;

use crate::desk::{Desk, Market, cancel, place, until, until_stored};
use crate::postgres::DATABASE;

fn standby_of(client: &mut Client) -> Value {
    client.look("/v1/status").unwrap()["standbys"][0].clone()
}

fn reads(client: &mut Client) -> u64 {
    standby_of(client)["reads"].as_u64().unwrap()
}

/// Orders are listed, all of them; whether the standby was asked.
fn listed(client: &mut Client, count: usize) -> bool {
    let before = reads(client);
    let all = client.get("/api/v3/allOrders", "symbol=BTCUSDT&limit=1000").unwrap();
    assert_eq!(all.as_array().unwrap().len(), count, "{all}");
    reads(client) > before
}

/// Orders that are closed: what is open is in memory anyway.
fn canceled(client: &mut Client, names: std::ops::Range<usize>) {
    for number in names {
        place(client, "BUY", 100, &format!("order-{number}"));
        assert_eq!(cancel(client, &format!("order-{number}")).status, 200);
    }
    until_stored(client);
}

fn until_level(client: &mut Client) {
    until("the standby is level", || {
        let status = client.look("/v1/status").unwrap();
        status["standbys"][0]["checkpoint"] == status["committed"] && status["standbys"][0]["trouble"].is_null()
    });
}

#[test]
fn history_is_read_from_a_standby_that_is_new_enough() {
    let server = Server::temporary(&Options::default().without_fsync()).unwrap();
    server.create_database(DATABASE).unwrap();
    let mut standby = server.temporary_standby().unwrap();
    let (url, copy) = (server.url(DATABASE), standby.url(DATABASE));
    let desk = Desk::new();
    let file = desk.beside("venue.toml");
    let entry = format!("standby = [{{ url = \"{copy}\", region = \"here\" }}]");
    fs::write(&file, format!("region = \"here\"\n[[shards]]\nname = \"shard-1\"\nurl = \"{url}\"\n{entry}\n")).unwrap();
    let desk = desk.with("CONFIG", file.display());
    let mut venue = desk.serve();
    let market = Market::open(&desk, &mut venue, 2);
    let (mut trader, mut quiet) = (market.trader(&mut venue), venue.client(&market.traders[1]).unwrap());
    canceled(&mut quiet, 0..20);
    canceled(&mut trader, 0..30);
    until_level(&mut trader);
    assert_eq!(standby_of(&mut trader)["region"], "here");
    assert!(listed(&mut trader, 30), "a standby that is level is read");

    // It stands still. Once memory has let go of what the shard has, it is too old for whoever has traded since, and for nobody else.
    standby.query("postgres", "SELECT pg_wal_replay_pause()").unwrap();
    until("replay is paused", || {
        standby.query("postgres", "SELECT pg_get_wal_replay_pause_state()").unwrap() == "paused"
    });
    canceled(&mut trader, 30..60);
    listed(&mut trader, 60);
    assert!(listed(&mut quiet, 20), "nothing of theirs is missing");
    assert!(standby_of(&mut trader)["lag"].as_u64().unwrap() >= 60, "{}", standby_of(&mut trader));
    venue.stop().unwrap();

    // After a restart memory begins where the shard is, and the standby is before that.
    let mut venue = desk.serve();
    let mut trader = market.trader(&mut venue);
    until("it was asked", || !standby_of(&mut trader)["trouble"].is_null());
    let trouble = standby_of(&mut trader)["trouble"].clone();
    assert!(trouble.as_str().unwrap().contains("too far behind"), "{trouble}");
    assert!(!listed(&mut trader, 60), "a standby that is too old is not read");
    let sequence = trader.look("/v1/status").unwrap()["sequence"].as_u64().unwrap();
    let of = |sequence: u64| format!("symbol=BTCUSDT&minSequence={sequence}");
    assert_eq!(trader.ask("GET", "/api/v3/allOrders", &of(sequence)).unwrap().status, 200);
    let early = trader.ask("GET", "/api/v3/allOrders", &of(sequence + 1)).unwrap();
    assert_eq!((early.status, early.code()), (409, Some(-5010)), "{}", early.body);
    standby.query("postgres", "SELECT pg_wal_replay_resume()").unwrap();
    until_level(&mut trader);
    assert!(listed(&mut trader, 60), "it has caught up");

    // Away, the shard itself is read.
    standby.kill().unwrap();
    assert!(!listed(&mut trader, 60));
    until("the status says so", || !standby_of(&mut trader)["trouble"].is_null());
    standby.restart().unwrap();
    until_level(&mut trader);
    assert!(listed(&mut trader, 60), "it is back");
    venue.stop().unwrap();

    // Of another region, it is for a failover only.
    let elsewhere = Desk::new().with("CONFIG", file.display()).with("REGION", "elsewhere").at(desk.data.clone());
    let mut venue = elsewhere.serve();
    let mut trader = market.trader(&mut venue);
    until_level(&mut trader);
    assert!(!listed(&mut trader, 60) && standby_of(&mut trader)["read"] == false);
    venue.stop().unwrap();
}
