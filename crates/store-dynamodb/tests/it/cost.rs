//! What a document costs in write units, as the service counts them.

use projector::batch::{Rows, Stream};
use projector::conformance;
use projector::store::{Outcome, Store as _};
use sim::commands::Profile;
use store_dynamodb::store::DynamoStore;

use crate::feed::feed;
use crate::subject::{Stores, Tables};

/// Blocks of one commit: about a second of a busy venue.
const BLOCKS: usize = 400;
/// At most so much for an event on average.
const UNITS_MAX: f64 = 0.15;

#[test]
fn an_event_costs_a_fraction_of_a_write_unit() {
    let tables = Tables::new();
    let (blocks, _) = feed(Profile::Flow, 1, 8_000);
    let config = tables.config(&tables.make());
    let mut stores = Stores::open(&config);
    let reference = conformance::batch(Stream::Reference, &blocks, 0, blocks.len());
    assert_eq!(stores.of(Stream::Reference).commit(&reference), Outcome::Committed);
    for stream in [Stream::Trades, Stream::Audit] {
        let mut store = DynamoStore::open(config.clone(), stream).unwrap();
        let mut events = 0;
        for begin in (0..blocks.len()).step_by(BLOCKS) {
            let batch = conformance::batch(stream, &blocks, begin, blocks.len().min(begin + BLOCKS));
            events += match &batch.rows {
                Rows::Trades(rows) => rows.len(),
                Rows::Audit(rows) => rows.len(),
                _ => 0,
            };
            assert_eq!(store.commit(&batch), Outcome::Committed);
        }
        let each = store.consumed() / f64::from(u32::try_from(events).unwrap());
        println!("{stream:?}: {events} events, {:.1} write units, {each:.4} each", store.consumed());
        assert!(events > 500, "there is something to count");
        assert!(each > 0.0 && each <= UNITS_MAX, "{stream:?}: {each}");
    }
}
