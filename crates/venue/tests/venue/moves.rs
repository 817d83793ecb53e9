//! Symbols and users move between three shards, each a server of its own, while everybody trades and reads.

use std::collections::BTreeSet;
use std::fs;
use std::time::Instant;

use outside::process::said;
use pg_cluster::server::Server;
use serde_json::{Value, json};

use crate::desk::{PATIENCE, until, until_stored};
use crate::field::{Crowd, DATABASE, Field, SHARDS, SYMBOLS, assert_whole, symbol, user};

#[test]
fn symbols_and_users_move_while_everybody_trades() {
    let mut field = Field::new();
    let crowd = Crowd::start(&field);
    crowd.until_more(200);
    for round in 0..2 {
        let subjects = [symbol(round), symbol(round + 1), user(2), user(0)];
        let moves: Vec<_> = subjects.into_iter().map(|subject| (field.begin(&subject), subject)).collect();
        for (to, subject) in &moves {
            field.until_moved(subject, to);
        }
        crowd.until_more(100);
        crowd.until_read(4);
    }
    let acknowledged = crowd.stop();
    field.until_quiet();
    assert_whole(&field, &acknowledged);
    field.venue.take().unwrap().stop().unwrap();
    field.desk.verify();
}

/// What is killed in the middle.
#[derive(Debug, Clone, Copy)]
enum Kill {
    Venue,
    Source,
    Destination,
    Both,
    Everything,
}

#[test]
fn moves_survive_what_dies() {
    let mut field = Field::new();
    let crowd = Crowd::start(&field);
    crowd.until_more(200);
    for (round, kill) in
        [Kill::Venue, Kill::Source, Kill::Destination, Kill::Both, Kill::Everything].into_iter().enumerate()
    {
        println!("round {round}: {kill:?}");
        let subjects = [symbol(round % SYMBOLS.len()), symbol((round + 1) % SYMBOLS.len()), user(1 + round as u64 % 2)];
        let (owner, _) = field.owner(&subjects[0]);
        let source = SHARDS.iter().position(|shard| *shard == owner).unwrap();
        let destination = (source + 1) % SHARDS.len();
        let moves: Vec<_> = subjects.into_iter().map(|subject| (field.begin(&subject), subject)).collect();
        // Each round it hits another moment of the moves.
        crowd.until_more(7 * round);
        match kill {
            Kill::Venue => {}
            Kill::Source => field.restart_server(source),
            Kill::Destination => field.restart_server(destination),
            Kill::Both | Kill::Everything => {
                field.restart_server(source);
                field.restart_server(destination);
            }
        }
        if let Kill::Venue | Kill::Everything = kill {
            field.kill_venue();
            field.start_venue();
        }
        for (to, subject) in &moves {
            field.until_moved(subject, to);
        }
        crowd.until_more(50);
        crowd.until_read(4);
    }
    let acknowledged = crowd.stop();
    field.until_quiet();
    assert_whole(&field, &acknowledged);
    field.venue.take().unwrap().stop().unwrap();
    field.desk.verify();
}

/// Its rows, and that they were copied, are lost with its tail: the shard they came from still has them.
#[test]
fn a_destination_that_is_restored_to_before_the_copy_gets_it_again() {
    let mut field = Field::keeping(600);
    let crowd = Crowd::start(&field);
    crowd.until_more(200);
    let (subjects, mut moves) = ([symbol(0), user(2)], Vec::new());
    // Both to the second server.
    for subject in &subjects {
        while field.owner(subject).0 != SHARDS[0] {
            let to = field.begin(subject);
            field.until_moved(subject, to);
        }
    }
    let copy = field.servers[1].folder().join("earlier");
    field.servers[1].copy_to(&copy).unwrap();
    for subject in &subjects {
        moves.push((field.begin(subject), subject));
    }
    for (to, subject) in &moves {
        assert_eq!(*to, SHARDS[1]);
        field.until_moved(subject, to);
    }
    crowd.until_more(200);
    field.servers[1].kill().unwrap();
    field.servers[1].restore(&copy).unwrap();
    field.servers[1].restart().unwrap();
    crowd.until_more(100);
    crowd.until_read(4);
    let acknowledged = crowd.stop();
    until_stored(&mut field.client(&field.admin));
    let incoming = field.servers[1].query(DATABASE, "SELECT count(*) FROM incoming").unwrap();
    assert_eq!(incoming.trim(), "2");
    assert_whole(&field, &acknowledged);
    field.venue.take().unwrap().stop().unwrap();
    let said = field.desk.verify();
    assert!(said.contains("left behind"), "{said}");
}

/// It is away when the move begins, and comes back without the last of what it had: nothing is copied from it before it has
/// caught up with the destination, and then all of it.
#[test]
fn a_source_that_lost_its_tail_while_it_gives_away_gives_all() {
    let mut field = Field::new();
    let crowd = Crowd::start(&field);
    crowd.until_more(200);
    let subject = symbol(0);
    let (owner, _) = field.owner(&subject);
    let source = SHARDS.iter().position(|shard| *shard == owner).unwrap();
    let copy = field.servers[source].folder().join("earlier");
    field.servers[source].copy_to(&copy).unwrap();
    crowd.until_more(200);
    field.servers[source].kill().unwrap();
    let to = field.begin(&subject);
    crowd.until_more(100);
    assert_eq!(field.owner(&subject), (owner, true), "there is nothing to copy from");
    field.servers[source].restore(&copy).unwrap();
    field.servers[source].restart().unwrap();
    field.until_moved(&subject, to);
    crowd.until_more(50);
    crowd.until_read(4);
    let acknowledged = crowd.stop();
    field.until_quiet();
    assert_whole(&field, &acknowledged);
    field.venue.take().unwrap().stop().unwrap();
    field.desk.verify();
}

#[test]
fn commands_move_and_say_why_not() {
    let mut field = Field::new();
    let (owner, _) = field.owner(&symbol(0));
    let [other, third] = [1, 2].map(|step| {
        let place = SHARDS.iter().position(|shard| *shard == owner).unwrap();
        SHARDS[(place + step) % SHARDS.len()]
    });
    let (well, said) = field.command(&["move", "A0USDT", "--to", other]);
    assert!(well && said.contains(&format!("A0USDT is on {other} since sequence")), "{said}");
    let (well, again) = field.command(&["move", "A0USDT", "--to", other]);
    assert!(well && again.contains(&format!("A0USDT is on {other} since sequence")), "{again}");
    let (well, said) = field.command(&["move-user", "2", "--to", third]);
    assert!(well && said.contains(&format!("user 2 is on {third} since sequence")), "{said}");
    for (arguments, why) in [
        (&["move", "A0USDT", "--to", "nowhere"][..], "There is no such shard"),
        (&["move", "NONE", "--to", other], "Invalid symbol"),
        (&["move-user", "99", "--to", other], "There is no such user"),
        (&["abort", "A0USDT"], "It is not moving"),
        (&["abort", "2", "--user"], "It is not moving"),
    ] {
        let (well, said) = field.command(arguments);
        assert!(!well && said.contains(why), "{arguments:?}: {said}");
    }

    // A shard that is away gets nothing, and the move can be given up.
    let away = SHARDS.iter().position(|shard| *shard == third).unwrap();
    field.until_quiet();
    field.servers[away].stop().unwrap();
    let body = json!({"requestId": "a", "symbol": SYMBOLS[0], "to": third});
    field.client(&field.admin).admin("shards/moves", &body).unwrap();
    // The list is that of the thread that moves, which hears of it later than the answer comes.
    let waits = format!("A0USDT to {third}: waits to be copied");
    until("the move is in the list", || field.command(&["moves"]).1.contains(&waits));
    let (well, said) = field.command(&["move", "A0USDT", "--to", &owner]);
    assert!(!well && said.contains(&format!("is on its way to {third}")), "{said}");
    let (well, said) = field.command(&["abort", "A0USDT"]);
    assert!(well && said.contains(&format!("A0USDT stays on {other}")), "{said}");
    field.servers[away].restart().unwrap();

    // One that is given up when it is copied already: the copy goes.
    let crowd = Crowd::start(&field);
    for number in 0..5 {
        let body = json!({"requestId": format!("b{number}"), "symbol": SYMBOLS[0], "to": third});
        field.client(&field.admin).admin("shards/moves", &body).unwrap();
        let abort = json!({"requestId": format!("c{number}"), "symbol": SYMBOLS[0]});
        let given_up = field.client(&field.admin).request("shards/moves/abort", &abort).unwrap();
        crowd.until_more(20);
        if given_up.status != 200 {
            break;
        }
    }
    let acknowledged = crowd.stop();
    field.until_quiet();
    assert_whole(&field, &acknowledged);
    field.venue.take().unwrap().stop().unwrap();
    field.desk.verify();
}

/// Only what the map and the databases say decides at a start: a shard that nobody configures any more gets nothing.
#[test]
fn a_move_to_a_shard_that_is_gone_is_given_up() {
    let mut field = Field::new();
    let (owner, _) = field.owner(&symbol(0));
    let place = SHARDS.iter().position(|shard| *shard == owner).unwrap();
    let gone = (place + 1) % SHARDS.len();
    until_stored(&mut field.client(&field.admin));
    field.servers[gone].stop().unwrap();
    assert_eq!(field.begin(&symbol(0)), SHARDS[gone]);
    field.kill_venue();
    let file = field.desk.beside("venue.toml");
    let whole = fs::read_to_string(&file).unwrap();
    let others = whole.split("[[shards]]").filter(|section| !section.contains(&format!("\"{}\"", SHARDS[gone])));
    let without = others.collect::<Vec<_>>().join("[[shards]]");
    fs::write(&file, without).unwrap();
    field.start_venue();
    field.until_moved(&symbol(0), &owner);
    // It is said once the command is through.
    until("the log says so", || field.desk.log().contains("given up"));
    field.kill_venue();
    fs::write(&file, whole).unwrap();
    field.servers[gone].restart().unwrap();
    field.start_venue();
    field.until_quiet();
    field.venue.take().unwrap().stop().unwrap();
    field.desk.verify();
}

/// What the router has, in one statement: nothing while a shard has not heard of a move; else every order, each once.
fn routed_orders(field: &Field) -> Option<BTreeSet<u64>> {
    let sql = "SELECT o.order_id, (SELECT count(*) FROM v_moving) FROM orders AS o";
    let mut all = BTreeSet::new();
    for row in field.servers[0].query("router", sql).unwrap().lines() {
        let (id, moving) = row.split_once('|').unwrap();
        if moving != "0" {
            return None;
        }
        assert!(all.insert(id.parse().unwrap()), "order {id} comes twice although nothing moves");
    }
    Some(all)
}

#[test]
fn a_router_counts_everything_once_while_it_moves() {
    let mut field = Field::new();
    let crowd = Crowd::start(&field);
    crowd.until_more(100);
    let streams = |server: &Server| server.query(DATABASE, "SELECT count(*) FROM checkpoints, shard");
    until("each shard was written to", || {
        field.servers.iter().all(|server| streams(server).is_ok_and(|streams| streams.trim() == "3"))
    });
    let server = &field.servers[0];
    server.create_database("router").unwrap();
    let config = field.desk.beside("venue.toml");
    let arguments = ["shards", "router", "--url", &server.url("router"), "--config", config.to_str().unwrap()];
    let output = field.desk.binary.command(&arguments).output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    let (mut seen, mut settled) = (BTreeSet::new(), 0);
    for round in 0..3 {
        let subjects = [symbol(round), symbol(round + 1), user(2)];
        let moves: Vec<_> = subjects.into_iter().map(|subject| (field.begin(&subject), subject)).collect();
        let deadline = Instant::now() + PATIENCE;
        loop {
            let is_over = moves.iter().all(|(to, subject)| field.owner(subject) == ((*to).to_owned(), false));
            if let Some(all) = routed_orders(&field) {
                let missing: Vec<_> = seen.difference(&all).collect();
                assert!(missing.is_empty(), "seen before, and now nowhere although nothing moves: {missing:?}");
                (seen, settled) = (all, settled + 1);
            }
            if is_over {
                break;
            }
            assert!(Instant::now() < deadline, "the moves do not end");
        }
    }
    let acknowledged = crowd.stop();
    field.until_quiet();
    assert!(settled > 0 && !seen.is_empty(), "it was never settled");
    assert_whole(&field, &acknowledged);
    assert_eq!(routed_orders(&field), Some(field.orders_in_sql()));
    let ask = |sql: &str| field.servers[0].query("router", sql).unwrap();
    let fills = field.fills_in_sql().to_string();
    assert_eq!(ask("SELECT sum(fills), bool_and(settled) FROM v_turnover_by_user"), format!("{fills}|t"));
    assert_eq!(ask("SELECT sum(trades) * 2 FROM v_turnover_by_symbol"), fills);
    // Every movement of money on whatever shard: in and out are equal, and what users have is what came in.
    assert_eq!(ask("SELECT DISTINCT asset, sum(change) = 0 FROM v_ledger GROUP BY asset HAVING sum(change) <> 0"), "");
    let kept = "SELECT count(*) FROM (SELECT asset_id, sum(free + locked) AS has FROM balances GROUP BY 1) AS b
        FULL JOIN (SELECT asset_id, sum(change) AS came FROM ledger WHERE user_id IS NOT NULL GROUP BY 1) AS l USING (asset_id)
        WHERE has IS DISTINCT FROM came";
    assert_eq!(ask(kept), "0");
    field.venue.take().unwrap().stop().unwrap();
    field.desk.verify();
}

/// Interrupted and asked for again, a drain goes on; a shard that is to be emptied gets nothing back.
#[test]
fn a_shard_is_emptied_while_everybody_trades() {
    let mut field = Field::new();
    let crowd = Crowd::start(&field);
    crowd.until_more(100);
    let address = field.address.lock().unwrap().to_string();
    let data = field.desk.data.to_str().unwrap().to_owned();
    let drain = ["shards", "drain", SHARDS[0], "--data", &data, "--at", &address];
    let mut interrupted = field.desk.binary.command(&drain).spawn().unwrap();
    let query = format!("shard={}", SHARDS[0]);
    let lives = |field: &Field| field.client(&field.admin).get("/v1/admin/shards/subjects", &query).unwrap();
    let count = |lives: &Value| lives["symbolCount"].as_u64().unwrap() + lives["userCount"].as_u64().unwrap();
    let before = count(&lives(&field));
    until("something has moved", || count(&lives(&field)) < before);
    interrupted.kill().unwrap();
    interrupted.wait().unwrap();
    let (well, said) = field.command(&["drain", SHARDS[0]]);
    assert!(well && said.contains("nothing lives on s0 any more"), "{said}");
    let (well, said) = field.command(&["move", SYMBOLS[0], "--to", SHARDS[0]]);
    assert!(!well && said.contains("draining"), "{said}");
    crowd.until_more(50);
    crowd.until_read(4);
    let acknowledged = crowd.stop();
    field.until_quiet();
    for table in ["orders", "order_fills", "open_orders", "positions", "balances", "ledger"] {
        let left = field.servers[0].query(DATABASE, &format!("SELECT count(*) FROM {table}")).unwrap();
        assert_eq!(left.trim(), "0", "{table}");
    }
    assert_whole(&field, &acknowledged);
    field.venue.take().unwrap().stop().unwrap();
    field.desk.verify();
}
