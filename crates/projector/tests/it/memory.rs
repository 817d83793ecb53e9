//! The store in memory does what every store must do.

use projector::batch::{Batch, Rows, Stream};
use projector::buckets::Bucket;
use projector::conformance::{self, Subject};
use projector::memory::MemoryStore;
use projector::store::{Divergence, Outcome, ReadStream, Store, StoreError, StoredRow};
use sim::commands::Profile;

use sim::feed::feed;

#[derive(Default)]
struct InMemory(MemoryStore);

impl Store for InMemory {
    fn checkpoint(&mut self, stream: Stream) -> Result<Option<domain::ids::Checkpoint>, StoreError> {
        self.0.checkpoint(stream)
    }
    fn commit(&mut self, batch: &Batch) -> Outcome {
        self.0.commit(batch)
    }
    fn recall(
        &mut self,
        stream: Stream,
        buckets: &[Bucket],
        visit: &mut dyn FnMut(StoredRow),
    ) -> Result<(), StoreError> {
        self.0.recall(stream, buckets, visit)
    }
}

impl ReadStream for InMemory {
    fn read_stream(
        &mut self,
        stream: Stream,
        visit: &mut dyn FnMut(StoredRow),
    ) -> Result<Option<domain::ids::Checkpoint>, StoreError> {
        self.0.read_stream(stream, visit)
    }
}

impl Subject for InMemory {
    fn streams(&self) -> Vec<Stream> {
        Stream::ALL.to_vec()
    }
    fn keeps(&self, _row: &StoredRow) -> bool {
        true
    }
    fn interrupt_after(&mut self, writes: Option<u64>) {
        self.0.interrupt_after(writes);
    }
    fn reopen(&mut self) {}
}

fn fresh() -> Box<dyn Subject> {
    Box::new(InMemory::default())
}

#[test]
fn rows_do_not_depend_on_the_cut() {
    for seed in 0..8 {
        for profile in [Profile::Small, Profile::Flow] {
            println!("seed {seed} {profile:?}");
            let (blocks, _) = feed(profile, seed, 400);
            conformance::rows_do_not_depend_on_the_cut(&fresh, &blocks, seed);
        }
    }
}

#[test]
fn interruption_at_every_write_is_made_good() {
    for seed in 100..104 {
        println!("seed {seed}");
        let (blocks, _) = feed(Profile::Small, seed, 300);
        conformance::interruption_at_every_write_is_made_good(&fresh, &blocks, seed);
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let (blocks, _) = feed(Profile::Flow, 200, 300);
    conformance::what_does_not_fit_is_refused(&fresh, &blocks);
}

#[test]
fn followers_survive_deaths() {
    for seed in 300..304 {
        println!("seed {seed}");
        let (blocks, _) = feed(Profile::Flow, seed, 400);
        conformance::followers_survive_deaths(&fresh, &blocks, seed);
    }
}

#[test]
fn another_row_under_the_same_key_is_a_divergence() {
    let (blocks, _) = feed(Profile::Flow, 400, 300);
    for stream in Stream::ALL {
        let mut store = MemoryStore::default();
        let batch = conformance::batch(stream, &blocks, 0, blocks.len());
        store.interrupt_after(Some(u64::try_from(batch.rows.count()).unwrap()));
        assert!(matches!(store.commit(&batch), Outcome::Retry(_)), "all rows, but not the checkpoint");
        store.interrupt_after(None);
        let outcome = store.commit(&forged(batch));
        assert!(matches!(outcome, Outcome::Diverged(Divergence::Row(_))), "{stream:?}: {outcome:?}");
    }
}

fn forged(mut batch: Batch) -> Batch {
    match &mut batch.rows {
        Rows::Reference(rows) => rows.users[0].killed = !rows.users[0].killed,
        Rows::Symbols(rows) => rows.placed[0].executed.0 += 1,
        Rows::Users(rows) => rows.ledger[0].change.0 += 1,
        Rows::Trades(rows) => rows[0].price.0 += 1,
        Rows::Audit(rows) => rows[0].content.push(' '),
        Rows::Klines(rows) => rows[0].candle.trades += 1,
        Rows::HistoricalPositions(rows) => rows[0].closed = !rows[0].closed,
        Rows::MarketSnapshots(rows) => rows[0].bids.clear(),
        Rows::Leaderboards(rows) => rows[0].fills += 1,
        Rows::Analytics(rows) => rows.active_users[0].first.0 += 1,
    }
    batch
}
