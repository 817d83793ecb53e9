//! SIGTERM in the middle of the work.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;

use outside::client::{Client, Key};

use crate::desk::{Desk, Market, find, limit, place, until};

const TRADERS: u32 = 4;
/// Orders acknowledged before the shutdown begins.
const ORDERS: usize = 400;

/// Places orders until the venue does not take them any more; the names of those acknowledged.
fn trade(address: SocketAddr, key: &Key, number: usize, count: Arc<AtomicUsize>) -> JoinHandle<Vec<String>> {
    let mut client = Client::new(address, key);
    std::thread::spawn(move || {
        let mut names = Vec::new();
        for order in 0_u64.. {
            let name = format!("t{number}-{order}");
            let side = if order % 2 == 0 { "BUY" } else { "SELL" };
            match client.ask("POST", "/api/v3/order", &limit(side, 100 + order % 3, &name)) {
                Ok(answer) if answer.status == 200 => names.push(name),
                Ok(answer) => {
                    assert_eq!(answer.status, 503, "{}", answer.body);
                    return names;
                }
                Err(_gone) => return names,
            }
            count.fetch_add(1, Ordering::Relaxed);
        }
        names
    })
}

#[test]
fn a_shutdown_under_load_keeps_everything_and_leaves_nothing_to_replay() {
    let desk = Desk::new();
    let mut venue = desk.serve();
    let market = Market::open(&desk, &mut venue, TRADERS);
    let address = venue.address().unwrap();
    let count = Arc::new(AtomicUsize::new(0));
    let traders = market.traders.iter().enumerate();
    let traders: Vec<_> = traders.map(|(number, key)| trade(address, key, number, Arc::clone(&count))).collect();
    until("enough orders", || count.load(Ordering::Relaxed) >= ORDERS);
    venue.stop().unwrap();
    let names: Vec<_> = traders.into_iter().map(|trader| trader.join().unwrap()).collect();
    desk.verify();

    let mut venue = desk.serve();
    let log = desk.log();
    let up = log.lines().rfind(|line| line.contains("venue is up")).unwrap();
    assert!(up.contains("clean=true") && up.contains("replayed=0") && up.contains("events_derived=0"), "{up}");
    for (key, names) in market.traders.iter().zip(&names) {
        let mut client = venue.client(key).unwrap();
        for name in names {
            assert_eq!(find(&mut client, name).body["clientOrderId"], name.as_str());
        }
    }
    venue.stop().unwrap();
}

#[test]
fn a_store_that_takes_nothing_is_named_and_does_not_hold_up_a_shutdown() {
    let desk = Desk::new();
    let mut venue = desk.serve();
    let market = Market::open(&desk, &mut venue, 1);
    let file = desk.data.join("store/hot.db");
    let other = rusqlite::Connection::open(&file).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let mut client = venue.client(&market.traders[0]).unwrap();
    place(&mut client, "BUY", 100, "waits");
    until("the status says what is wrong", || {
        let status = client.look("/v1/status").unwrap();
        let followers = status["followers"].as_array().unwrap();
        followers.iter().any(|follower| follower["trouble"].as_str().is_some_and(|why| why.contains("is locked by")))
    });
    venue.stop().unwrap();
    let log = desk.log();
    let last = log.lines().last().unwrap();
    assert!(last.contains("journaled and sealed; behind") && !last.contains("stored"), "{log}");
    assert!(last.contains("hot/symbols by ") && last.contains("is locked by"), "{log}");
    drop(other);
    desk.serve().stop().unwrap();
    desk.verify();
}

#[test]
fn an_idle_connection_does_not_hold_up_a_shutdown() {
    let desk = Desk::new();
    let mut venue = desk.serve();
    let idle = std::net::TcpStream::connect(venue.address().unwrap()).unwrap();
    let (done, ended) = mpsc::channel();
    std::thread::spawn(move || done.send(venue.stop().map_err(|error| error.to_string())));
    let ended = ended.recv_timeout(crate::desk::PATIENCE).unwrap();
    ended.unwrap();
    drop(idle);
    desk.verify();
}
