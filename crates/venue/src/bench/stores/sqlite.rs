//! SQLite, the embedded store: its two files, each written by the projector.

use hdrhistogram::Histogram;
use projector::batch::Stream;
use store_sqlite::store::{Role, SqliteStore};

use super::work::{Work, write};
use super::{Figure, Found, Options};
use crate::bench::cpu::Watch;

pub(super) fn measure(_: &Options, work: &Work, found: &mut Found) {
    found.add(both(work));
}

fn both(work: &Work) -> anyhow::Result<Vec<Figure>> {
    let directory = tempfile::Builder::new().prefix("buttonwood-bench-").tempdir()?;
    let mut figures = Vec::new();
    for (role, name) in [(Role::Hot, "SQLite, hot.db"), (Role::Archive, "SQLite, archive.db")] {
        let mut store = SqliteStore::open(&directory.path().join(name), role)?;
        for stream in role.streams() {
            write(&mut store, &work.opening(*stream)?)?;
        }
        for (index, section) in work.sections().iter().enumerate() {
            let streams = role.streams().iter().map(|stream| work.batches(*stream, index));
            let streams = streams.collect::<anyhow::Result<Vec<_>>>()?;
            let watch = Watch::start(None);
            // That of the stream that carries most.
            let mut latency = Histogram::new(3)?;
            for (stream, batches) in role.streams().iter().zip(&streams) {
                let found = write(&mut store, batches)?;
                if matches!(stream, Stream::Symbols | Stream::Audit) {
                    latency = found;
                }
            }
            figures.push(Figure {
                store: name.to_owned(),
                way: "projector",
                batch: section.batch,
                writers: 1,
                on_disk: false,
                orders: section.orders,
                commands: section.commands,
                took: watch.stop(),
                latency,
                dollars: None,
            });
        }
    }
    Ok(figures)
}
