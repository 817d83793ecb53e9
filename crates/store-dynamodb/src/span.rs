//! From when to when a collection has buckets that cannot be listed: `historical_positions` are found by their key, bucket for bucket.

use std::collections::BTreeMap;

use documents::collection::Collection;
use domain::units::UnixNanos;
use projector::buckets::{Bucket, Interval};

use crate::fault::Fault;
use crate::item::{Item, Key, PK, long, number, text};
use crate::session::{Condition, Put, Session};

const SPAN: &str = "span";
const FIRST: &str = "first";
const LAST: &str = "last";

/// Where the first and the last bucket of a length begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) first: UnixNanos,
    pub(crate) last: UnixNanos,
}

/// Whether the spans of a collection are noted, in the same table.
pub(crate) const fn is_kept(collection: Collection) -> bool {
    matches!(collection, Collection::HistoricalPositions)
}

/// Whether an item is no document but a span.
pub(crate) fn is_span(item: &Item) -> bool {
    text(item, PK) == Ok(SPAN)
}

fn key(collection: Collection, interval: Interval) -> Key {
    Key { table: collection.name(), pk: SPAN.to_owned(), sk: format!("{:010}", interval.number()) }
}

/// The buckets of a length that there may be; absent: there is none.
pub(crate) async fn read(session: &Session, collection: Collection, interval: Interval) -> Result<Option<Span>, Fault> {
    let Some(found) = session.get(key(collection, interval)).await? else { return Ok(None) };
    Ok(Some(Span { first: UnixNanos(long(&found, FIRST)?), last: UnixNanos(long(&found, LAST)?) }))
}

/// Takes in the buckets of a batch.
pub(crate) async fn widen(
    session: &Session,
    collection: Collection,
    buckets: impl Iterator<Item = Bucket>,
) -> Result<(), Fault> {
    let mut wanted: BTreeMap<Interval, Span> = BTreeMap::new();
    for Bucket { interval, start } in buckets {
        let span = wanted.entry(interval).or_insert(Span { first: start, last: start });
        (span.first, span.last) = (span.first.min(start), span.last.max(start));
    }
    for (interval, span) in wanted {
        let known = read(session, collection, interval).await?;
        let Span { first, last } = known.unwrap_or(span);
        let wider = Span { first: first.min(span.first), last: last.max(span.last) };
        if known == Some(wider) {
            continue;
        }
        let mut item = key(collection, interval).item();
        for (name, time) in [(FIRST, wider.first.0), (LAST, wider.last.0)] {
            item.insert(name.to_owned(), number(time));
        }
        let condition = match known {
            None => Condition::absent(),
            Some(Span { first, last }) => {
                Condition::of("#a = :a AND #b = :b", vec![(FIRST, number(first.0)), (LAST, number(last.0))])
            }
        };
        match session.put(collection.name(), item, condition).await? {
            Put::Written => {}
            Put::There(_) => return Err(Fault::Overtaken),
        }
    }
    Ok(())
}
