//! Whether what a store calls durable can be believed.

use domain::units::Seq;
use projector::batch::Stream;
use projector::store::{Outcome, Store, StoreError};

/// Of one store, until the next start.
///
/// After a failed sync the system takes the pages it could not write for clean, so the next sync succeeds without them. A store
/// that has failed once makes nothing durable any more: the logs keep everything it might miss.
#[derive(Debug, Default)]
pub(super) struct Durability {
    lost: bool,
}

impl Durability {
    /// Makes everything committed so far durable; whether it is.
    pub(super) fn make(&mut self, store: &mut dyn Store) -> bool {
        if self.lost {
            return false;
        }
        match store.make_durable() {
            Ok(()) => true,
            // A store that is away for a while has not failed to write anything.
            Err(error @ StoreError::Retry(_)) => {
                tracing::warn!(%error, "a store cannot make its checkpoints durable now; no segment goes until it can");
                false
            }
            Err(error @ StoreError::Fatal(_)) => {
                tracing::error!(%error, "a store could not make its checkpoints durable; until the next start no segment goes");
                self.lost = true;
                false
            }
        }
    }

    /// A commit may sync as well.
    pub(super) fn heard(&mut self, outcome: &Outcome) {
        self.lost |= matches!(outcome, Outcome::Fatal(_));
    }
}

/// Whether a store that was synced has everything that its follower knows of. A server that came back without its tail has synced
/// what is left, and where nothing was committed since, the follower has not heard of it.
pub(super) fn still_has(store: &mut dyn Store, stream: Stream, reached: Seq) -> Result<bool, StoreError> {
    Ok(store.checkpoint(stream)?.map_or(Seq::ZERO, |checkpoint| checkpoint.seq) >= reached)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use domain::ids::{Checkpoint, Hash256, VenueId};
    use domain::units::{Epoch, Seq};
    use projector::batch::{Batch, Stream};
    use projector::memory::MemoryStore;
    use projector::store::{Outcome, Store, StoreError};

    use super::{Durability, still_has};

    /// A store whose syncs fail as planned, and succeed after that.
    struct Failing {
        store: MemoryStore,
        planned: Vec<StoreError>,
    }

    /// A store that is synced and somewhere.
    struct Synced(Option<Checkpoint>);

    impl Store for Synced {
        fn checkpoint(&mut self, _: Stream) -> Result<Option<Checkpoint>, StoreError> {
            Ok(self.0)
        }

        fn commit(&mut self, _: &Batch) -> Outcome {
            unreachable!("nothing is committed")
        }
    }

    impl Store for Failing {
        fn checkpoint(&mut self, stream: Stream) -> Result<Option<Checkpoint>, StoreError> {
            self.store.checkpoint(stream)
        }

        fn commit(&mut self, batch: &Batch) -> Outcome {
            self.store.commit(batch)
        }

        fn make_durable(&mut self) -> Result<(), StoreError> {
            self.planned.pop().map_or(Ok(()), Err)
        }
    }

    fn made(planned: StoreError) -> [bool; 3] {
        let mut store = Failing { store: MemoryStore::default(), planned: vec![planned] };
        let mut durability = Durability::default();
        [(); 3].map(|()| durability.make(&mut store))
    }

    #[test]
    fn a_failed_sync_is_final_and_an_absent_server_is_not() {
        assert_eq!(made(StoreError::Fatal("no".into())), [false, false, false]);
        assert_eq!(made(StoreError::Retry(Duration::from_secs(1))), [false, true, true]);
    }

    #[test]
    fn a_failed_commit_is_final_as_well() {
        let mut durability = Durability::default();
        durability.heard(&Outcome::Retry(Duration::from_secs(1)));
        assert!(durability.make(&mut MemoryStore::default()));
        durability.heard(&Outcome::Fatal("no".into()));
        assert!(!durability.make(&mut MemoryStore::default()));
    }

    #[test]
    fn what_a_server_lost_before_its_sync_is_not_durable() {
        let at =
            |seq| Some(Checkpoint { venue: VenueId([1; 16]), epoch: Epoch(1), seq: Seq(seq), hash: Hash256([0; 32]) });
        let has = |stored, reached| still_has(&mut Synced(stored), Stream::Symbols, Seq(reached)).unwrap();
        assert_eq!([has(at(7), 6), has(at(7), 7), has(at(7), 8)], [true, true, false]);
        assert_eq!([has(None, 0), has(None, 1)], [true, false]);
    }
}
