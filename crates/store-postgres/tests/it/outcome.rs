//! A commit whose outcome is lost: the connection is cut exactly there, by a wire between the store and its server.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use projector::batch::Stream;
use projector::conformance;
use projector::store::{Outcome, Store};
use sim::commands::Profile;
use sim::feed::feed;
use store_postgres::config::PostgresConfig;

use crate::crash::assert_whole;
use crate::subject::{Databases, Stores};

/// Where the next commit is cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cut {
    /// It never reaches the server.
    Before,
    /// It is done, and the answer does not come back.
    After,
}

/// Passes everything on, in both directions, until it is told otherwise.
struct Wire {
    port: u16,
    cut: Arc<Mutex<Option<Cut>>>,
}

impl Wire {
    fn to(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (port, cut) = (listener.local_addr().unwrap().port(), Arc::<Mutex<Option<Cut>>>::default());
        let shared = Arc::clone(&cut);
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let Ok(server) = TcpStream::connect(("127.0.0.1", server)) else { continue };
                connect(&client, &server, &shared);
            }
        });
        Self { port, cut }
    }

    fn cut_next_commit(&self, cut: Cut) {
        *self.cut.lock().unwrap() = Some(cut);
    }
}

fn connect(client: &TcpStream, server: &TcpStream, cut: &Arc<Mutex<Option<Cut>>>) {
    let both = || (client.try_clone().unwrap(), server.try_clone().unwrap());
    let muted = Arc::new(AtomicBool::new(false));
    let ((client_one, server_one), (client_two, server_two)) = (both(), both());
    let (cut, mute) = (Arc::clone(cut), Arc::clone(&muted));
    std::thread::spawn(move || {
        drop(ask(&client_one, &server_one, &cut, &mute));
        hang_up(&client_one, &server_one);
    });
    std::thread::spawn(move || {
        drop(answer(&client_two, &server_two, &muted));
        hang_up(&client_two, &server_two);
    });
}

fn hang_up(client: &TcpStream, server: &TcpStream) {
    for end in [client, server] {
        // The other end may be gone already.
        drop(end.shutdown(Shutdown::Both));
    }
}

/// Message by message: the first has no letter, all have a length.
fn ask(
    mut client: &TcpStream,
    mut server: &TcpStream,
    cut: &Mutex<Option<Cut>>,
    mute: &AtomicBool,
) -> std::io::Result<()> {
    let mut is_first = true;
    loop {
        let mut head = vec![0; if is_first { 4 } else { 5 }];
        client.read_exact(&mut head)?;
        let length = u32::from_be_bytes(head[head.len() - 4..].try_into().unwrap());
        let mut body = vec![0; usize::try_from(length).unwrap() - 4];
        client.read_exact(&mut body)?;
        if !is_first && head[0] == b'Q' && body.starts_with(b"COMMIT") {
            match cut.lock().unwrap().take() {
                Some(Cut::Before) => return Ok(()),
                Some(Cut::After) => mute.store(true, Ordering::Release),
                None => {}
            }
        }
        server.write_all(&head)?;
        server.write_all(&body)?;
        is_first = false;
    }
}

/// Whatever comes; what comes once it is muted ends the connection.
fn answer(mut client: &TcpStream, mut server: &TcpStream, muted: &AtomicBool) -> std::io::Result<()> {
    let mut chunk = [0; 8192];
    loop {
        let read = server.read(&mut chunk)?;
        if read == 0 || muted.load(Ordering::Acquire) {
            return Ok(());
        }
        client.write_all(&chunk[..read])?;
    }
}

#[test]
fn a_commit_whose_outcome_is_lost_is_there_once() {
    let (blocks, _) = feed(Profile::Flow, 1, 600);
    let half = blocks.len() / 2;
    let databases = Databases::quick();
    for cut in [Cut::Before, Cut::After] {
        let database = databases.make();
        let wire = Wire::to(databases.server.port());
        let url = databases.server.url(&database);
        let url = url.replace(&format!(":{}/", databases.server.port()), &format!(":{}/", wire.port));
        let mut stores = Stores::open(&PostgresConfig::new(&url, None).unwrap());
        stores.fill(&blocks[..half]);
        let rest = |stream| conformance::batch(stream, &blocks, half, blocks.len());
        assert_eq!(stores.of(Stream::Reference).commit(&rest(Stream::Reference)), Outcome::Committed);
        for stream in [Stream::Symbols, Stream::Users] {
            let batch = rest(stream);
            wire.cut_next_commit(cut);
            assert!(matches!(stores.of(stream).commit(&batch), Outcome::Retry(_)), "{cut:?} {stream:?}");
            assert!(stores.of(stream).trouble().unwrap().contains("closed"), "{:?}", stores.of(stream).trouble());
            let there = if cut == Cut::Before { batch.from } else { batch.to };
            assert_eq!(stores.of(stream).checkpoint(stream), Ok(Some(there)), "{cut:?} {stream:?}");
            assert_eq!(stores.of(stream).commit(&batch), Outcome::Committed, "{cut:?} {stream:?}");
        }
        assert_whole(&mut stores, &blocks);
    }
}
