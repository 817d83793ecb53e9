//! All followers of a venue: those it started with, and those of shards added since.

use std::sync::{Arc, PoisonError, RwLock};

use domain::units::Seq;
use projector::batch::Stream;

use super::FollowerStatus;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Roster {
    statuses: RwLock<Vec<Arc<FollowerStatus>>>,
}

impl Roster {
    /// From now on these count as well.
    pub(crate) fn add(&self, statuses: &[Arc<FollowerStatus>]) {
        self.statuses.write().unwrap_or_else(PoisonError::into_inner).extend_from_slice(statuses);
    }

    /// The one with this name.
    pub(crate) fn find(&self, name: &str) -> Option<Arc<FollowerStatus>> {
        let statuses = self.statuses.read().unwrap_or_else(PoisonError::into_inner);
        statuses.iter().find(|status| status.name == name).cloned()
    }

    /// These were never started.
    pub(crate) fn remove(&self, statuses: &[Arc<FollowerStatus>]) {
        let is_gone = |one: &Arc<FollowerStatus>| statuses.iter().any(|gone| Arc::ptr_eq(gone, one));
        self.statuses.write().unwrap_or_else(PoisonError::into_inner).retain(|one| !is_gone(one));
    }

    /// Each of them.
    pub(crate) fn all(&self) -> Vec<Arc<FollowerStatus>> {
        self.statuses.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How far all stores of a stream are: where several share it, the one that is furthest behind.
    pub(crate) fn reached(&self, stream: Stream) -> Option<Seq> {
        let statuses = self.statuses.read().unwrap_or_else(PoisonError::into_inner);
        statuses.iter().filter(|status| status.stream == stream).map(|status| status.reached()).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_as_far_as_the_last_of_its_stores() {
        let roster = Roster::default();
        assert_eq!(roster.reached(Stream::Users), None);
        let status = |name: &str, seq| Arc::new(FollowerStatus::new(name, Stream::Users, Seq(seq)));
        let (one, other) = (status("a", 7), status("b", 3));
        roster.add(&[Arc::clone(&one), Arc::clone(&other)]);
        roster.add(&[Arc::new(FollowerStatus::new("a", Stream::Symbols, Seq(1)))]);
        assert_eq!(roster.reached(Stream::Users), Some(Seq(3)));
        roster.remove(&[other]);
        assert_eq!((roster.reached(Stream::Users), roster.all().len()), (Some(Seq(7)), 2));
    }
}
