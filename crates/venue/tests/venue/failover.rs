//! A standby is promoted that does not have the last rows: they are written again, and meanwhile nobody is told that they never were.

use std::collections::BTreeSet;

use outside::client::Client;
use pg_cluster::options::Options;
use pg_cluster::server::Server;

use crate::desk::{Desk, Market, place, until, until_stored};
use crate::postgres::{DATABASE, at};

/// A desk whose shard has two servers; whichever takes writes is written to.
fn on_both(primary: &Server, standby: &Server) -> Desk {
    let hosts = format!(":{},127.0.0.1:{}/", primary.port(), standby.port());
    let url = primary.url(DATABASE).replace(&format!(":{}/", primary.port()), &hosts);
    at(&format!("{url}?target_session_attrs=read-write"))
}

/// Client order ids of all orders; nothing where the venue says that it does not have them now.
fn listed(trader: &mut Client) -> Option<BTreeSet<String>> {
    let answer = trader.ask("GET", "/api/v3/allOrders", "symbol=BTCUSDT&limit=1000").unwrap();
    if answer.status == 503 {
        return None;
    }
    assert_eq!(answer.status, 200, "{}", answer.body);
    let name = |order: &serde_json::Value| order["clientOrderId"].as_str().unwrap().to_owned();
    Some(answer.body.as_array().unwrap().iter().map(name).collect())
}

#[test]
fn a_promoted_standby_without_the_tail_is_written_again() {
    let mut primary = Server::temporary(&Options::default().without_fsync()).unwrap();
    primary.create_database(DATABASE).unwrap();
    let mut standby = primary.temporary_standby().unwrap();
    let desk = on_both(&primary, &standby);
    let mut venue = desk.serve();
    let market = Market::open(&desk, &mut venue, 1);
    let mut trader = market.trader(&mut venue);
    let mut all = BTreeSet::new();
    let mut some = |trader: &mut Client, name: &str| {
        for number in 0..100 {
            let name = format!("{name}-{number}");
            place(trader, "BUY", 100, &name);
            all.insert(name);
        }
        all.clone()
    };
    some(&mut trader, "before");
    until_stored(&mut trader);
    let caught_up =
        |standby: &Server| standby.query(DATABASE, "SELECT count(*) FROM orders").is_ok_and(|count| count == "100");
    until("the standby has the first orders", || caught_up(&standby));
    standby.stop().unwrap();
    let placed = some(&mut trader, "lost");
    until_stored(&mut trader);
    assert_eq!(listed(&mut trader), Some(placed));

    primary.kill().unwrap();
    standby.restart().unwrap();
    assert!(caught_up(&standby), "it never heard of the others");
    standby.promote().unwrap();
    let placed = some(&mut trader, "after");
    until("history is read again", || match listed(&mut trader) {
        None => false,
        Some(found) => {
            assert_eq!(found, placed, "a hole");
            true
        }
    });
    until_stored(&mut trader);
    assert_eq!(standby.query(DATABASE, "SELECT count(*) FROM orders").unwrap(), "300");
    venue.stop().unwrap();
    desk.verify();
}
