//! Serves the protocol of DynamoDB out of one SQLite file, for tests: `dynamodb-server PORT FILE`.
//!
//! A program of its own, because its SQLite is another version than the venue's and a program can have only one.

use std::net::Ipv4Addr;
use std::process::ExitCode;
use std::time::Duration;

use dynoxide::Database;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

/// How often expired items are deleted. DynamoDB itself takes days.
const SWEEP_EVERY: Duration = Duration::from_secs(1);

#[tokio::main]
async fn main() -> ExitCode {
    match serve().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("{reason}");
            ExitCode::FAILURE
        }
    }
}

async fn serve() -> Result<(), String> {
    let [port, file] = std::env::args().skip(1).collect::<Vec<_>>().try_into().map_err(|_| "usage: PORT FILE")?;
    let port: u16 = port.parse().map_err(|error| format!("{port:?} is no port: {error}"))?;
    let database = Database::new(&file).map_err(|error| format!("{file}: {error}"))?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.map_err(|error| format!("{port}: {error}"))?;
    let mut told = signal(SignalKind::terminate()).map_err(|error| error.to_string())?;
    let swept = database.clone();
    std::thread::spawn(move || {
        loop {
            std::thread::sleep(SWEEP_EVERY);
            if let Err(error) = swept.sweep_ttl() {
                eprintln!("expired items stay: {error}");
            }
        }
    });
    let end = async move {
        told.recv().await;
    };
    // A client keeps its connection although it asks nothing: it is not waited for.
    tokio::select! {
        served = dynoxide::server::serve_on(listener, database) => Ok(served),
        () = end => Ok(()),
    }
}
