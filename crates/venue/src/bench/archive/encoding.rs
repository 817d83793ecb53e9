//! CPU time of an archive's writers for each event of the flow: folding the events of blocks into rows, and making of the rows what is
//! sent. Nothing is sent. Not in it: reading the logs, the driver, the system's network, and whatever the server does.

use std::time::Duration;

use documents::batch::writes;
use documents::collection::Collection;
use documents::units::Units;
use projector::batch::{Batch, Stream};
use projector::words::Word as _;
use serde_json::{Value, json};

use super::Options;
use crate::bench::accept::as_f64;
use crate::bench::cpu;
use crate::bench::stores::work::{Shape, Work};

/// The streams of an archive, but for `reference`, of which there is next to nothing.
const STREAMS: [Stream; 7] = [
    Stream::Trades,
    Stream::Audit,
    Stream::Klines,
    Stream::HistoricalPositions,
    Stream::MarketSnapshots,
    Stream::Leaderboards,
    Stream::Analytics,
];

/// What makes of rows what a database gets. One for each kind of database.
trait Encoding {
    /// Its name, for people.
    fn name(&self) -> &'static str;

    /// Makes what is sent of a batch, and drops it; how many documents there were, and how many bytes.
    fn take(&mut self, batch: &Batch) -> anyhow::Result<(u64, u64)>;
}

/// Documents alone: what all databases have in common.
#[derive(Debug, Default)]
struct Plain(Units);

impl Encoding for Plain {
    fn name(&self) -> &'static str {
        "documents"
    }

    fn take(&mut self, batch: &Batch) -> anyhow::Result<(u64, u64)> {
        let mut count = 0;
        for set in writes(batch).sets {
            for index in 0..set.count() {
                let document = std::hint::black_box(set.document(index, &self.0)?);
                if matches!(set.collection(), Collection::Assets | Collection::Symbols) {
                    self.0.learn(set.collection(), &document)?;
                }
                count += 1;
            }
        }
        Ok((count, 0))
    }
}

#[cfg(feature = "mongodb")]
impl Encoding for store_mongodb::sink::Sink {
    fn name(&self) -> &'static str {
        "mongodb"
    }

    fn take(&mut self, batch: &Batch) -> anyhow::Result<(u64, u64)> {
        let taken = self.take(batch)?;
        Ok((taken.documents, taken.bytes))
    }
}

#[cfg(feature = "dynamodb")]
impl Encoding for store_dynamodb::sink::Sink {
    fn name(&self) -> &'static str {
        "dynamodb"
    }

    fn take(&mut self, batch: &Batch) -> anyhow::Result<(u64, u64)> {
        let taken = self.take(batch)?;
        Ok((taken.documents, taken.bytes))
    }
}

fn encodings() -> Vec<Box<dyn Encoding>> {
    vec![
        Box::<Plain>::default(),
        #[cfg(feature = "mongodb")]
        Box::<store_mongodb::sink::Sink>::default(),
        #[cfg(feature = "dynamodb")]
        Box::<store_dynamodb::sink::Sink>::default(),
    ]
}

/// What a stretch of work cost.
#[derive(Debug, Clone, Copy)]
struct Cost {
    fold: Duration,
    encode: Duration,
    documents: u64,
    bytes: u64,
}

impl Cost {
    fn all(&self) -> Duration {
        self.fold + self.encode
    }

    fn json(&self, events: u64) -> Value {
        let per_event = |time: Duration| round(time.as_secs_f64() * 1e9 / as_f64(events.max(1)));
        json!({
            "documents": self.documents,
            "bytes_per_document": self.bytes / self.documents.max(1),
            "fold_cpu_ns_per_event": per_event(self.fold),
            "encode_cpu_ns_per_event": per_event(self.encode),
            "events_per_cpu_s": round(as_f64(events) / self.all().as_secs_f64().max(1e-9)),
        })
    }
}

/// Prints a table for each encoding; all of it for scripts.
pub(super) fn measure(options: &Options) -> anyhow::Result<Value> {
    let Options { commands, batch, users, symbols, seed, .. } = *options;
    let work = Work::prepare(&Shape { commands, batches: vec![batch], users, symbols, seed });
    let (commands, events) = work.counts(0);
    let (commands, events) = (u64::try_from(commands)?, u64::try_from(events)?);
    let mut all = Vec::new();
    for mut encoding in encodings() {
        for reference in work.opening(Stream::Reference)? {
            encoding.take(&reference)?;
        }
        println!("\n{}: {commands} commands, {events} events, batches of {batch}", encoding.name());
        println!(
            "{:22} {:>10} {:>8} {:>10} {:>10} {:>12}",
            "stream", "documents", "bytes", "fold ns", "encode ns", "events/s"
        );
        let mut streams = serde_json::Map::new();
        let mut sum = Cost { fold: Duration::ZERO, encode: Duration::ZERO, documents: 0, bytes: 0 };
        for stream in STREAMS {
            let cost = best(options.runs, encoding.as_mut(), &work, stream)?;
            sum = Cost {
                fold: sum.fold + cost.fold,
                encode: sum.encode + cost.encode,
                documents: sum.documents + cost.documents,
                bytes: sum.bytes + cost.bytes,
            };
            print_line(stream.word(), &cost, events);
            streams.insert(stream.word().to_owned(), cost.json(events));
        }
        print_line("all", &sum, events);
        all.push(json!({
            "encoding": encoding.name(),
            "commands": commands,
            "events": events,
            "batch": batch,
            "streams": streams,
            "all": sum.json(events),
        }));
    }
    println!(
        "\nns: CPU time for each event of the flow, of which most make no document of most streams. events/s: on one core."
    );
    Ok(Value::Array(all))
}

/// The cheapest of some runs.
fn best(runs: usize, encoding: &mut dyn Encoding, work: &Work, stream: Stream) -> anyhow::Result<Cost> {
    let mut best: Option<Cost> = None;
    for _ in 0..runs {
        let (batches, fold) = work.folded(stream, 0)?;
        let (begun, mut documents, mut bytes) = (cpu::own(), 0, 0);
        for batch in &batches {
            let taken = encoding.take(batch)?;
            documents += taken.0;
            bytes += taken.1;
        }
        let cost = Cost { fold, encode: cpu::own().saturating_sub(begun), documents, bytes };
        best = Some(best.filter(|best| best.all() <= cost.all()).unwrap_or(cost));
    }
    best.ok_or_else(|| anyhow::anyhow!("no run"))
}

fn print_line(name: &str, cost: &Cost, events: u64) {
    let line = cost.json(events);
    println!(
        "{name:22} {:>10} {:>8} {:>10} {:>10} {:>12}",
        cost.documents,
        line["bytes_per_document"],
        line["fold_cpu_ns_per_event"],
        line["encode_cpu_ns_per_event"],
        line["events_per_cpu_s"],
    );
}

fn round(value: f64) -> f64 {
    value.round()
}
