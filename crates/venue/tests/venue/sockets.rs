//! Connections that are opened and not used, or used as slowly as possible.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use outside::http::Connection;

use crate::desk::{Desk, PATIENCE, until};

const PING: &[u8] = b"GET /api/v3/ping HTTP/1.1\r\nHost: venue\r\n\r\n";
/// Between two bytes of a client that takes its time.
const DRIP: Duration = Duration::from_millis(20);

/// Sends one byte after the other until the venue closes the connection; how long that took, and how many were sent.
fn drip(address: SocketAddr, text: &[u8]) -> (Duration, usize) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(DRIP)).unwrap();
    let (begun, mut sent) = (Instant::now(), 0);
    for byte in text {
        assert!(begun.elapsed() < PATIENCE, "still open after {sent} bytes");
        if stream.write_all(&[*byte]).is_err() {
            break;
        }
        sent += 1;
        match stream.read(&mut [0; 256]) {
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Ok(0) | Err(_) => break,
            Ok(_) => panic!("an answer to an unfinished request"),
        }
    }
    (begun.elapsed(), sent)
}

/// Waits until the venue closes the connection.
fn closed_after(stream: &mut TcpStream) -> Duration {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let begun = Instant::now();
    assert_eq!(stream.read(&mut [0; 16]).unwrap(), 0, "closed, and nothing said");
    begun.elapsed()
}

#[test]
fn a_head_that_drips_is_not_waited_for() {
    let head_timeout = Duration::from_millis(500);
    let desk = Desk::new().with("HEAD_TIMEOUT_MS", head_timeout.as_millis());
    let mut venue = desk.serve();
    let address = venue.address().unwrap();
    let endless = [PING.strip_suffix(b"\r\n").unwrap(), b"X-Slow: ", &[b'x'; 4096]].concat();
    let (took, sent) = drip(address, &endless);
    assert!(took >= head_timeout && took < PATIENCE, "{took:?}");
    assert!(sent > 3, "each byte would have to begin the time anew");
    // Whoever is done in time is answered.
    assert_eq!(Connection::open(address, "").unwrap().ask("GET", "/api/v3/ping", "").unwrap().status, 200);
    venue.stop().unwrap();
}

#[test]
fn a_connection_without_requests_is_closed() {
    let idle_timeout = Duration::from_millis(700);
    let desk = Desk::new().with("IDLE_TIMEOUT_MS", idle_timeout.as_millis());
    let mut venue = desk.serve();
    let address = venue.address().unwrap();
    let begun = Instant::now();
    let mut silent = TcpStream::connect(address).unwrap();
    closed_after(&mut silent);
    assert!(begun.elapsed() >= idle_timeout, "{:?}", begun.elapsed());

    // Each request begins the time anew.
    let (mut busy, begun) = (Connection::open(address, "").unwrap(), Instant::now());
    let mut asked = 0;
    while begun.elapsed() < idle_timeout * 2 {
        assert_eq!(busy.ask("GET", "/api/v3/ping", "").unwrap().status, 200);
        asked += 1;
    }
    println!("{asked} requests in {:?}", begun.elapsed());
    let mut kept = TcpStream::connect(address).unwrap();
    kept.write_all(PING).unwrap();
    let mut answer = [0; 4096];
    let length = kept.read(&mut answer).unwrap();
    assert!(answer[..length].starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer[..length]));
    closed_after(&mut kept);
    venue.stop().unwrap();
}

#[test]
fn one_connection_too_many_is_told_so() {
    let connections_max = 5;
    let desk = Desk::new().with("CONNECTIONS_MAX", connections_max);
    let mut venue = desk.serve();
    let address = venue.address().unwrap();
    let mut open = Vec::new();
    for _ in 0..connections_max {
        let mut connection = Connection::open(address, "").unwrap();
        assert_eq!(connection.ask("GET", "/api/v3/ping", "").unwrap().status, 200);
        open.push(connection);
    }
    let refused = Connection::open(address, "").unwrap().hear().unwrap();
    assert_eq!((refused.status, refused.code()), (503, Some(-1008)), "{}", refused.body);
    // Those there are go on.
    for connection in &mut open {
        assert_eq!(connection.ask("GET", "/api/v3/ping", "").unwrap().status, 200);
    }
    open.pop();
    until("there is room again", || {
        let mut connection = Connection::open(address, "").unwrap();
        connection.ask("GET", "/api/v3/ping", "").is_ok_and(|answer| answer.status == 200)
    });
    venue.stop().unwrap();
}
