//! More orders than the queue holds: refused at once, while cancels get through, in bounded memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use outside::client::{Client, Key};
use outside::process::Running;

use crate::desk::{Desk, Market, PATIENCE, cancel, limit, place};

/// The smallest queue there is. One user's new orders may fill a quarter of it.
const QUEUE_COMMANDS: u64 = 64;
/// Orders on their way at the same time.
const CONNECTIONS: usize = 300;
/// Orders to cancel during the flood.
const RESTING: usize = 200;
/// Refusals that are enough, and rounds of sending that are.
const REFUSALS: usize = 50;
const WAVES: usize = 5;
/// An answer that takes longer has waited for something.
const AT_ONCE: Duration = Duration::from_secs(2);
/// What the process may have had at most.
const RESIDENT_KIB_MAX: u64 = 256 * 1024;

/// Sends an order on each connection at the same time; how many were refused because the queue was full.
fn wave(connections: &mut [Client], number: usize) -> usize {
    let begun = Instant::now();
    for (index, client) in connections.iter_mut().enumerate() {
        client.send("POST", "/api/v3/order", &limit("BUY", 100, &format!("flood-{number}-{index}"))).unwrap();
    }
    let mut refused = 0;
    for client in connections {
        let answer = client.hear().unwrap();
        match (answer.status, answer.code()) {
            (503, Some(-1008)) => {
                refused += 1;
                assert!(begun.elapsed() < AT_ONCE, "a refusal took {:?}", begun.elapsed());
            }
            // Taken, or one open order more than an account may have.
            (200, _) | (400, Some(-1013)) => {}
            _ => panic!("{} {}", answer.status, answer.body),
        }
    }
    refused
}

/// Cancels one order after the other until told to stop; the answers.
fn cancels(mut client: Client, stop: &AtomicBool) -> usize {
    let mut canceled = 0;
    for number in 0.. {
        let name = format!("resting-{number}");
        if number >= RESTING {
            // Not the orders are the point, but that their cancels are taken.
            place(&mut client, "BUY", 50, &name);
        }
        let answer = cancel(&mut client, &name);
        assert_eq!(answer.status, 200, "{}", answer.body);
        canceled += 1;
        if stop.load(Ordering::Acquire) {
            break;
        }
    }
    canceled
}

/// The most memory the process ever had.
fn resident_kib_max(venue: &Running) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", venue.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[test]
fn a_full_queue_refuses_new_orders_at_once_and_takes_cancels() {
    let desk = Desk::new().with("QUEUE_COMMANDS", QUEUE_COMMANDS);
    let mut venue = desk.serve();
    let market = Market::open(&desk, &mut venue, 2);
    let [flooding, quiet] = &market.traders[..] else { unreachable!("two were asked for") };
    let mut client = venue.client(quiet).unwrap();
    for number in 0..RESTING {
        place(&mut client, "BUY", 50, &format!("resting-{number}"));
    }
    let connect = |key: &Key, venue: &mut Running| venue.client(key).unwrap();
    let mut connections: Vec<_> = (0..CONNECTIONS).map(|_| connect(flooding, &mut venue)).collect();
    let stop = Arc::new(AtomicBool::new(false));
    let canceling = {
        let stop = Arc::clone(&stop);
        std::thread::spawn(move || cancels(client, &stop))
    };
    let begun = Instant::now();
    let (mut refused, mut waves) = (0, 0);
    while refused < REFUSALS || waves < WAVES {
        refused += wave(&mut connections, waves);
        waves += 1;
        assert!(begun.elapsed() < PATIENCE, "only {refused} refusals in {waves} waves");
    }
    stop.store(true, Ordering::Release);
    let canceled = canceling.join().unwrap();
    let resident = resident_kib_max(&venue);
    println!("{refused} of {} orders refused, {canceled} cancels taken, {resident} KiB", waves * CONNECTIONS);
    assert!(canceled > 0);
    assert!(resident < RESIDENT_KIB_MAX, "{resident} KiB");
    drop(connections);
    venue.stop().unwrap();
    desk.verify();
}
