//! The streams of an archive in a document database, one after the other, as the projector writes them.

use hdrhistogram::Histogram;
use projector::batch::Stream;
use projector::store::Store;

use super::Figure;
use super::work::{Work, write};
use crate::bench::cpu::Watch;

/// The streams, in the order in which an archive is fed.
pub(super) const STREAMS: [Stream; 3] = [Stream::Reference, Stream::Trades, Stream::Audit];

/// Measures a writer for each of [`STREAMS`]. `costs` gives what the writers have cost so far, in US dollars, where that is known.
pub(super) fn measure<S: Store>(
    name: &str,
    stores: &mut [S; 3],
    work: &Work,
    costs: impl Fn(&[S; 3]) -> Option<f64>,
) -> anyhow::Result<Vec<Figure>> {
    for (stream, store) in STREAMS.iter().zip(stores.iter_mut()) {
        write(store, &work.opening(*stream)?)?;
    }
    let mut figures = Vec::new();
    for (index, section) in work.sections().iter().enumerate() {
        let batches = STREAMS.iter().map(|stream| work.batches(*stream, index));
        let batches = batches.collect::<anyhow::Result<Vec<_>>>()?;
        let before = costs(stores);
        let watch = Watch::start(None);
        // That of the stream that carries most.
        let mut latency = Histogram::new(3)?;
        for ((stream, store), batches) in STREAMS.iter().zip(stores.iter_mut()).zip(&batches) {
            let found = write(store, batches)?;
            if *stream == Stream::Audit {
                latency = found;
            }
        }
        let took = watch.stop();
        figures.push(Figure {
            store: name.to_owned(),
            way: "projector",
            batch: section.batch,
            writers: 1,
            on_disk: true,
            orders: section.orders,
            commands: section.commands,
            took,
            latency,
            dollars: before.and_then(|before| Some(costs(stores)? - before)),
        });
    }
    Ok(figures)
}
