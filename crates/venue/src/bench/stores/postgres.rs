//! PostgreSQL: single rows, arrays and COPY as a program without a projector writes them, then the projector, three streams side by
//! side. In a database of its own, which is dropped at the end.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Args as ClapArgs;
use hdrhistogram::Histogram;
use pg_cluster::binaries::Binaries;
use projector::batch::Stream;
use projector::rows::OrderRow;
use store_postgres::config::PostgresConfig;
use store_postgres::plain::{PlainWriter, Way};
use store_postgres::scratch::Scratch;
use store_postgres::store::{PostgresStore, STREAMS};

use super::work::{Work, renumbered, write};
use super::{Figure, Found};
use crate::bench::cpu::Watch;
use crate::bench::servers::Private;

/// Rows of a batch and of a COPY.
const ROWS: usize = 1_000;

/// Which servers, and how long.
#[derive(Debug, Clone, ClapArgs)]
pub(super) struct Servers {
    /// A server to measure, as `postgres://user:password@host:port/database`; may be said several times. A database of its own is made
    /// beside the named one, and dropped at the end. Without it a private server is started, where PostgreSQL is installed.
    #[arg(long = "postgres", value_name = "URL")]
    urls: Vec<String>,
    /// Certificate authorities that the servers' certificates are checked against, as PEM; the public ones by default.
    #[arg(long, value_name = "FILE")]
    postgres_ca_file: Option<PathBuf>,
    /// Connections that write rows without a projector, in a second run of each way.
    #[arg(long, default_value_t = 8)]
    postgres_clients: usize,
    /// Seconds of each such run; 0: only the projector.
    #[arg(long, default_value_t = 5)]
    postgres_seconds: u64,
}

/// Makes a database and drops it.
pub(super) fn reach(options: &super::Options) -> anyhow::Result<()> {
    let own = &options.postgres;
    own.urls.iter().try_for_each(|url| Ok(Subject::at(url, own, None)?.scratch()?.drop_now()?))
}

pub(super) fn measure(options: &super::Options, work: &Work, found: &mut Found) {
    let own = &options.postgres;
    if !own.urls.is_empty() {
        return own.urls.iter().for_each(|url| found.add(one(url, own, work, None)));
    }
    match Binaries::find() {
        Ok(_) => found.add(private(own, work)),
        Err(missing) => println!("PostgreSQL is left out, for no --postgres URL names a server: {missing:#}"),
    }
}

/// Measures a server of our own.
fn private(options: &Servers, work: &Work) -> anyhow::Result<Vec<Figure>> {
    let private = Private::start(1)?;
    let server = private.servers.first().context("a server")?;
    let url = private.urls().pop().context("a server")?;
    one(&url, options, work, server.process_id())
}

fn one(url: &str, options: &Servers, work: &Work, postmaster: Option<u32>) -> anyhow::Result<Vec<Figure>> {
    let subject = Subject::at(url, options, postmaster)?;
    let measured = subject.all(options, work);
    measured.with_context(|| subject.store.clone())
}

/// A server that is measured.
struct Subject {
    store: String,
    postmaster: Option<u32>,
    server: PostgresConfig,
}

impl Subject {
    fn at(url: &str, options: &Servers, postmaster: Option<u32>) -> anyhow::Result<Self> {
        let server = PostgresConfig::new(url, options.postgres_ca_file.as_ref())?;
        let place = server.place();
        let host = place.split_once('/').map_or(place.as_str(), |(host, _)| host);
        Ok(Self { store: format!("PostgreSQL {host}"), postmaster, server })
    }

    fn all(&self, options: &Servers, work: &Work) -> anyhow::Result<Vec<Figure>> {
        let mut figures = Vec::new();
        if options.postgres_seconds > 0 {
            figures.extend(self.plain(options, work)?);
        }
        figures.extend(self.projector(work)?);
        Ok(figures)
    }

    fn scratch(&self) -> anyhow::Result<Scratch> {
        let mut bytes = [0; 6];
        getrandom::fill(&mut bytes).map_err(|error| anyhow::anyhow!("no random numbers: {error}"))?;
        let name = format!("buttonwood_bench_{}", hex::encode(bytes));
        Scratch::make(self.server.clone(), &name).with_context(|| format!("{}: no database to measure in", self.store))
    }

    /// A program without a projector: a commit is all that it has, so it waits for the disk.
    fn plain(&self, options: &Servers, work: &Work) -> anyhow::Result<Vec<Figure>> {
        let scratch = self.scratch()?;
        let config = scratch.config();
        let mut reference = PostgresStore::open(config.clone(), Stream::Reference)?;
        write(&mut reference, &work.opening(Stream::Reference)?)?;
        let (orders, number) = (work.plain_orders()?, AtomicU64::new(1));
        let mut figures = Vec::new();
        for (way, name) in [(Way::Single, "single row"), (Way::Batch, "batch"), (Way::Copy, "COPY")] {
            for writers in [1, options.postgres_clients.max(2)] {
                let run = Plain { config: &config, way, orders: &orders, number: &number };
                figures.push(self.timed(name, run, writers, Duration::from_secs(options.postgres_seconds))?);
            }
        }
        scratch.drop_now()?;
        Ok(figures)
    }

    fn timed(&self, name: &'static str, run: Plain<'_>, writers: usize, time: Duration) -> anyhow::Result<Figure> {
        let connections = (0..writers).map(|_| PlainWriter::open(run.config, true)).collect::<Result<Vec<_>, _>>()?;
        let before = run.number.load(Ordering::Relaxed);
        let (watch, end) = (Watch::start(self.postmaster), Instant::now() + time);
        let latency = std::thread::scope(|scope| {
            let threads: Vec<_> =
                connections.into_iter().map(|connection| scope.spawn(move || run.write(connection, end))).collect();
            let mut all = Histogram::new(3)?;
            for thread in threads {
                all.add(thread.join().expect("a writer does not panic")?)?;
            }
            anyhow::Ok(all)
        })?;
        let took = watch.stop();
        let orders = run.number.load(Ordering::Relaxed) - before;
        Ok(Figure {
            store: self.store.clone(),
            way: name,
            batch: run.rows(),
            writers,
            on_disk: true,
            orders,
            commands: orders,
            took,
            latency,
            dollars: None,
        })
    }

    fn projector(&self, work: &Work) -> anyhow::Result<Vec<Figure>> {
        let scratch = self.scratch()?;
        let mut stores = Vec::new();
        for stream in STREAMS {
            let mut store = PostgresStore::open(scratch.config(), stream)?;
            write(&mut store, &work.opening(stream)?)?;
            stores.push((stream, store));
        }
        let mut figures = Vec::new();
        for (index, section) in work.sections().iter().enumerate() {
            let batches = STREAMS.map(|stream| work.batches(stream, index));
            let batches = batches.into_iter().collect::<anyhow::Result<Vec<_>>>()?;
            let watch = Watch::start(self.postmaster);
            let latency = std::thread::scope(|scope| {
                let threads: Vec<_> = stores
                    .iter_mut()
                    .zip(&batches)
                    .map(|((stream, store), batches)| (*stream, scope.spawn(move || write(store, batches))))
                    .collect();
                let mut of_symbols = Histogram::new(3)?;
                for (stream, thread) in threads {
                    let latency = thread.join().expect("a writer does not panic")?;
                    if stream == Stream::Symbols {
                        of_symbols = latency;
                    }
                }
                anyhow::Ok(of_symbols)
            })?;
            figures.push(Figure {
                store: self.store.clone(),
                way: "projector",
                batch: section.batch,
                writers: STREAMS.len(),
                on_disk: false,
                orders: section.orders,
                commands: section.commands,
                took: watch.stop(),
                latency,
                dollars: None,
            });
        }
        drop(stores);
        scratch.drop_now()?;
        Ok(figures)
    }
}

/// What each connection of a run without a projector does.
#[derive(Clone, Copy)]
struct Plain<'a> {
    config: &'a PostgresConfig,
    way: Way,
    orders: &'a [OrderRow],
    /// Of the next order, over all connections.
    number: &'a AtomicU64,
}

impl Plain<'_> {
    fn rows(&self) -> usize {
        match self.way {
            Way::Single => 1,
            Way::Batch | Way::Copy => ROWS,
        }
    }

    /// Writes until it is over; nanoseconds of each write.
    fn write(&self, mut connection: PlainWriter, until: Instant) -> anyhow::Result<Histogram<u64>> {
        let mut latency = Histogram::new(3)?;
        let rows = u64::try_from(self.rows())?;
        loop {
            let begun = Instant::now();
            if begun >= until {
                return Ok(latency);
            }
            let first = self.number.fetch_add(rows, Ordering::Relaxed);
            let orders: Vec<_> = (first..first + rows)
                .zip(self.orders.iter().cycle().skip(usize::try_from(first)? % self.orders.len()))
                .map(|(number, row)| renumbered(row, number))
                .collect();
            connection.write(self.way, &orders)?;
            latency.record(crate::live::nanos(begun.elapsed()))?;
        }
    }
}
