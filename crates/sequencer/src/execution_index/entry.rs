//! One entry, and which events have one.

use domain::event::Event;
use domain::ids::{ExecutionNumber, UserId};
use domain::units::Seq;

/// Where one of a user's events is. Ordered by user, then number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Entry {
    pub(crate) user: UserId,
    pub(crate) execution: ExecutionNumber,
    pub(crate) seq: Seq,
}

/// Whose event this is and its number in that user's life, for the events that have one.
pub fn numbered(event: &Event) -> Option<(UserId, ExecutionNumber)> {
    match event {
        Event::OrderPlaced(event) => Some((event.user, event.execution)),
        Event::OrderAmended(event) => Some((event.user, event.execution)),
        Event::OrderFilled(event) => Some((event.user, event.execution)),
        Event::OrderClosed(event) => Some((event.user, event.execution)),
        Event::Deposited(event) => Some((event.user, event.execution)),
        Event::WithdrawalRequested(event) => Some((event.user, event.execution)),
        Event::WithdrawalSettled(event) | Event::WithdrawalCanceled(event) => Some((event.user, event.execution)),
        Event::Refused(_)
        | Event::OrderRepeated(_)
        | Event::Trade(_)
        | Event::BalanceChanged(_)
        | Event::PositionChanged(_)
        | Event::RequestRepeated(_)
        | Event::Noted(_)
        | Event::Reference(_)
        | Event::CreditLimitChanged(_)
        | Event::ShardMap(_) => None,
    }
}

/// What is looked for: the first of a user's entries that has reached a number, a sequence, or both. Both rise together.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted {
    pub(crate) user: UserId,
    pub(crate) execution: ExecutionNumber,
    pub(crate) seq: Seq,
}

impl Wanted {
    /// Whether the entry stands before what is looked for.
    pub(crate) fn is_behind(&self, entry: &Entry) -> bool {
        entry.user < self.user || (entry.user == self.user && !self.is_reached_by(entry))
    }

    pub(crate) fn is_reached_by(&self, entry: &Entry) -> bool {
        entry.execution >= self.execution && entry.seq >= self.seq
    }
}

/// What one stretch says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Found {
    /// The first entry that is reached.
    pub(crate) hit: Option<Entry>,
    /// Whether the user has an entry before it: then no older stretch has anything.
    pub(crate) ends_search: bool,
}

/// Looks through sorted entries.
pub(crate) fn find_sorted(entries: &[Entry], wanted: &Wanted) -> Found {
    let place = entries.partition_point(|entry| wanted.is_behind(entry));
    let hit = entries.get(place).copied().filter(|entry| entry.user == wanted.user);
    let before = place.checked_sub(1).and_then(|before| entries.get(before));
    Found { hit, ends_search: before.is_some_and(|before| before.user == wanted.user) }
}

/// Looks through entries in the order of their sequence.
pub(crate) fn find_unsorted(entries: &[Entry], wanted: &Wanted) -> Found {
    let mut found = Found::default();
    for entry in entries.iter().filter(|entry| entry.user == wanted.user) {
        if wanted.is_reached_by(entry) {
            found.hit = Some(*entry);
            break;
        }
        found.ends_search = true;
    }
    found
}
