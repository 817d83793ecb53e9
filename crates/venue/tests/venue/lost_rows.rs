//! An archive that lacks rows, or was changed by hand: the venue starts, and says what is missing where it is asked for.

use archive_cluster::server::{Kind, Server};
use mongodb::bson::{Document, doc};
use outside::client::Client;
use outside::process::Running;
use rusqlite::Connection;
use serde_json::Value;

use crate::archives::{Trading, ask, configured, traded};
use crate::desk::{Desk, until, until_stored};

const TRADES: u32 = 30;

fn old_trades(first: u64) -> String {
    format!("/api/v3/historicalTrades?symbol=BTCUSDT&limit=1000&fromId={first}")
}

/// Somebody who may read everything.
fn reader(desk: &Desk, venue: &mut Running) -> Client {
    venue.client(&desk.binary.admin_key(&desk.data).unwrap()).unwrap()
}

fn audit(admin: &mut Client, first: u64) -> Result<Value, String> {
    let answer = admin.ask("GET", "/v1/audit", &format!("limit=1000&fromSequence={first}")).unwrap();
    if answer.status == 200 { Ok(answer.body) } else { Err(answer.body.to_string()) }
}

fn trades(client: &mut Client, first: u64) -> Result<Value, String> {
    let answer = client.repeat("GET", &old_trades(first)).unwrap();
    if answer.status == 200 { Ok(answer.body) } else { Err(answer.body.to_string()) }
}

fn rows(answer: &Value) -> usize {
    answer.as_array().or(answer["rows"].as_array()).unwrap().len()
}

#[test]
fn rows_missing_in_the_middle_are_no_short_answer_and_no_obstacle() {
    let desk = Desk::new();
    let market = traded(&desk, TRADES);
    let archive = Connection::open(desk.data.join("store/archive.db")).unwrap();
    for lost in ["completed_trades WHERE trade_id = 10", "audit_logs WHERE seq = 20"] {
        assert_eq!(archive.execute(&format!("DELETE FROM {lost}"), []).unwrap(), 1);
    }
    drop(archive);

    let mut venue = desk.serve();
    let mut trading = Trading::of(&market, &mut venue);
    trading.placed = TRADES;
    trading.trade(1);
    until_stored(&mut trading.buyer);
    let refused = trades(&mut trading.buyer, 1).unwrap_err();
    assert!(refused.contains("-5025") && refused.contains("of symbol 0, trade 10 is missing"), "{refused}");
    assert_eq!(rows(&trades(&mut trading.buyer, 11).unwrap()), 21, "what is there is read");
    let mut admin = reader(&desk, &mut venue);
    let refused = audit(&mut admin, 1).unwrap_err();
    assert!(refused.contains("-5025") && refused.contains("audit record 20 is missing"), "{refused}");
    assert!(rows(&audit(&mut admin, 21).unwrap()) > 50);
    venue.stop().unwrap();
    let said = desk.refused_verify();
    assert!(said.contains("missing: trade") && said.contains("record 20 is missing"), "{said}");
}

#[test]
fn a_database_that_was_changed_by_hand_keeps_nothing_but_itself_from_working() {
    let server = Server::temporary(Kind::MongoDb).unwrap();
    let url = format!("{}/archive", server.url());
    let routes = [("completed_trades", "mongo-1"), ("audit_logs", "mongo-1")];
    let desk = configured(Desk::new(), &[("mongo-1", &url)], &routes);
    let market = traded(&desk, TRADES);
    let index = doc! { "key": { "price": 1, "quote": 1, "seq": 1 }, "name": "one", "unique": true };
    let make = doc! { "createIndexes": "completed_trades", "indexes": [index] };
    ask(&server, "archive", async |database| database.run_command(make).await.unwrap());

    let mut venue = desk.serve();
    let mut trading = Trading::of(&market, &mut venue);
    trading.placed = TRADES;
    trading.trade(1);
    let trouble = "of completed_trades is not ours and refuses documents";
    until("it is said", || trading.buyer.look("/v1/status").unwrap().to_string().contains(trouble));
    let refused = trades(&mut trading.buyer, 1).unwrap_err();
    assert!(refused.contains("-5021"), "{refused}");
    let drop = doc! { "dropIndexes": "completed_trades", "index": { "price": 1, "quote": 1, "seq": 1 } };
    ask(&server, "archive", async |database| database.run_command(drop).await.unwrap());
    until_stored(&mut trading.buyer);
    until("the trades are read again", || trades(&mut trading.buyer, 1).is_ok_and(|found| rows(&found) == 31));

    // Servers make a collection anew for whoever writes to it.
    ask(&server, "archive", async |database| database.collection::<Document>("audit_logs").drop().await.unwrap());
    let mut admin = reader(&desk, &mut venue);
    let refused = audit(&mut admin, 1).unwrap_err();
    assert!(refused.contains("audit record 1 is missing"), "{refused}");
    trading.trade(1);
    until_stored(&mut trading.buyer);
    for first in ["fromSequence=1", "limit=1000"] {
        let answer = admin.ask("GET", "/v1/audit", first).unwrap();
        assert!(answer.body.to_string().contains("audit record 1 is missing"), "{first}: {}", answer.body);
    }
    venue.stop().unwrap();
    let said = desk.refused_verify();
    assert!(said.contains("audit_logs is missing"), "{said}");
}
