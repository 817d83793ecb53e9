//! A shard with a standby answers as the shard alone would, however far behind the standby is; and the standby is read where it can be.

use std::sync::Arc;

use domain::ids::UserId;
use domain::units::Seq;
use projector::conformance::absent::Absent;
use projector::history::{Halves, LedgerQuery, OrderHistory, ReadError, TimeRange};
use readmodel::limits::Limits;
use readmodel::model::{ReadModel, Stream};
use readmodel::standby::{Replicated, Standby};

use crate::history::{compare, selection};

use crate::stores::{Recorded, Store, recordings};

/// A model whose store has everything up to there, and which keeps nothing that the store has.
fn keeping_after(venue: &Recorded, stored: Seq) -> Arc<ReadModel> {
    let model = ReadModel::new(&venue.empty, Limits::default());
    for (command, events) in &venue.commands {
        model.apply(command, events);
    }
    for stream in [Stream::Orders, Stream::Ledger, Stream::Trades] {
        model.store_reached(stream, stored);
    }
    model.drop_stored();
    Arc::new(model)
}

/// Compares all reads, and says how many the standby answered.
fn compared(venue: &Recorded, seed: u64, primary: &Arc<Store>, standby: &Arc<Standby>) -> u64 {
    let model = keeping_after(venue, primary.model.seq());
    let orders: Arc<dyn OrderHistory> = Arc::<Store>::clone(primary);
    let replicated = Replicated::new(Arc::clone(&model), orders, vec![Arc::clone(standby)]);
    let all = Store::at(venue, venue.last());
    compare(&model, &Halves { orders: Arc::new(replicated), trades: Arc::<Store>::clone(primary) }, &all, seed);
    standby.heard().reads
}

#[test]
fn a_standby_is_read_only_where_memory_makes_up_for_what_it_lacks() {
    for (seed, venue) in recordings(900) {
        let last = venue.last();
        let at = |behind: u64| Arc::new(Store::at(&venue, Seq(last.0 - behind)));
        let primary = at(100);
        let mut reads = Vec::new();
        for behind in [0, 40, 100, 101, 500] {
            let store = at(behind);
            let standby = Arc::new(Standby::new(Arc::<Store>::clone(&store)));
            assert_eq!(compared(&venue, seed, &primary, &standby), 0, "nothing was heard of it yet");
            standby.hear(Ok((store.model.seq(), store.model.seq())));
            let answered = compared(&venue, seed, &primary, &standby);
            reads.push(answered);
            // It says that it has more than it turns out to have: restored to an earlier point since.
            standby.hear(Ok((last, last)));
            assert_eq!(compared(&venue, seed, &primary, &standby), 2 * answered, "seed {seed}, {behind} behind");
        }
        // The further behind one is, the more often something is missing: of what memory has let go, or of who owns what.
        assert!(reads.is_sorted_by(|nearer, further| nearer >= further), "seed {seed}: {reads:?}");
        assert!(reads[0] > reads[4], "seed {seed}: {reads:?}");
    }
}

#[test]
fn a_standby_that_is_away_is_left_alone_until_it_is_heard_of_again() {
    let venue = Recorded::new(sim::commands::Profile::Flow, 1, 400);
    let (primary, standby) =
        (Arc::new(Store::at(&venue, venue.last())), Arc::new(Standby::new(Arc::new(Absent::Away))));
    standby.hear(Ok((venue.last(), venue.last())));
    assert_eq!(compared(&venue, 1, &primary, &standby), 0);
    assert!(standby.heard().trouble.is_some());
    standby.hear(Err(ReadError::Failed("still".into())));
    assert!(standby.heard().trouble.unwrap().contains("still"));
    standby.hear(Ok((Seq(1), Seq(2))));
    assert_eq!(standby.heard().trouble, None);
}

#[test]
fn the_first_of_several_standbys_that_is_new_enough_is_read() {
    let venue = Recorded::new(sim::commands::Profile::Flow, 1, 400);
    let model = keeping_after(&venue, venue.last());
    let old = Arc::new(Standby::new(Arc::new(Store::at(&venue, Seq(5)))));
    let new = Arc::new(Standby::new(Arc::new(Store::at(&venue, venue.last()))));
    old.hear(Ok((Seq(5), Seq(5))));
    new.hear(Ok((venue.last(), venue.last())));
    let standbys = vec![Arc::clone(&old), Arc::clone(&new)];
    let replicated = Replicated::new(model, Arc::new(Absent::Away), standbys);
    let query = LedgerQuery { user: UserId(1), selection: selection(None, TimeRange::default(), 10) };
    assert_eq!(replicated.ledger(&query).unwrap().through, venue.last());
    assert_eq!((old.heard().reads, new.heard().reads), (0, 1));
}
