//! What waits to be noted: equal attempts as one, and not too many.

use std::collections::VecDeque;

use domain::command::note_access::NoteAccess;
use domain::units::UnixNanos;
use tokio::sync::oneshot;

use super::{Attempt, Noted};

/// Different attempts that wait by themselves, of those with a proven signature and of those without; what is more is counted together.
pub(super) const DIFFERENT_MAX: usize = 64;

/// Equal attempts.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) attempt: Attempt,
    count: u64,
    first: UnixNanos,
    last: UnixNanos,
    waiters: Vec<oneshot::Sender<Noted>>,
}

impl Entry {
    pub(super) fn note(&self) -> NoteAccess {
        let Attempt { kind, signer: _, claim, endpoint, about, address: _ } = self.attempt;
        NoteAccess { kind, endpoint, claim, about, count: self.count, first: self.first, last: self.last }
    }

    /// Says to everybody who waits for the note what became of it.
    pub(super) fn tell(&mut self, noted: Noted) {
        for waiter in self.waiters.drain(..) {
            // Whoever is gone does not need it.
            let _gone = waiter.send(noted);
        }
    }

    fn join(&mut self, other: Self) {
        self.count = self.count.saturating_add(other.count);
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
        self.waiters.extend(other.waiters);
    }
}

impl Attempt {
    /// What is left where there are too many different ones: the kind, and who it was where that is proven.
    fn without_details(self) -> Self {
        Self { claim: None, endpoint: None, about: None, address: None, ..self }
    }

    fn has_details(&self) -> bool {
        *self != self.without_details()
    }
}

/// What waits, in the order of arrival.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    proven: Lot,
    unproven: Lot,
}

/// Attempts of one sort.
#[derive(Debug, Default)]
struct Lot {
    entries: VecDeque<Entry>,
}

impl Lot {
    fn add(&mut self, mut entry: Entry) {
        let find =
            |entries: &VecDeque<Entry>, attempt: &Attempt| entries.iter().position(|one| one.attempt == *attempt);
        let mut place = find(&self.entries, &entry.attempt);
        let different = self.entries.iter().filter(|one| one.attempt.has_details()).count();
        if place.is_none() && different >= DIFFERENT_MAX {
            entry.attempt = entry.attempt.without_details();
            place = find(&self.entries, &entry.attempt);
        }
        match place.and_then(|place| self.entries.get_mut(place)) {
            Some(same) => same.join(entry),
            None => self.entries.push_back(entry),
        }
    }
}

impl Waiting {
    pub(super) fn add(&mut self, attempt: Attempt, now: UnixNanos, waiter: Option<oneshot::Sender<Noted>>) {
        self.put_back(Entry { attempt, count: 1, first: now, last: now, waiters: waiter.into_iter().collect() });
    }

    /// Something that was taken.
    pub(super) fn put_back(&mut self, entry: Entry) {
        // Whoever proves nothing must not take the place of those who do.
        let lot = if entry.attempt.signer.is_some() { &mut self.proven } else { &mut self.unproven };
        lot.add(entry);
    }

    /// At most so many, from both sorts in turn while both have some.
    pub(super) fn take(&mut self, most: usize) -> Vec<Entry> {
        let mut taken = Vec::new();
        while taken.len() < most && !self.is_empty() {
            for lot in [&mut self.proven, &mut self.unproven] {
                if taken.len() < most {
                    taken.extend(lot.entries.pop_front());
                }
            }
        }
        taken
    }

    /// Nobody waits any more.
    pub(super) fn let_go(&mut self) {
        let entries = self.proven.entries.iter_mut().chain(&mut self.unproven.entries);
        entries.for_each(|entry| entry.tell(Noted::Held));
    }

    /// How many attempts the entries stand for.
    pub(super) fn attempts(&self) -> u64 {
        self.proven.entries.iter().chain(&self.unproven.entries).map(|entry| entry.count).sum()
    }

    pub(super) fn len(&self) -> usize {
        self.proven.entries.len() + self.unproven.entries.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use domain::command::note_access::{AccessKind, Claim};
    use domain::ids::{KeyId, UserId};

    use super::*;

    fn attempt(kind: AccessKind, from: u8, claimed: u32) -> Attempt {
        let address = Some(IpAddr::V4(Ipv4Addr::new(127, 0, 0, from)));
        let signer = kind.is_proven().then_some((UserId(7), KeyId(claimed)));
        let claim = (!kind.is_proven()).then_some(Claim::Key(KeyId(claimed)));
        Attempt { kind, signer, claim, endpoint: None, about: None, address }
    }

    #[test]
    fn equal_attempts_are_one_with_a_count_and_the_times_of_first_and_last() {
        let mut waiting = Waiting::default();
        for time in [5, 3, 9] {
            waiting.add(attempt(AccessKind::BadSignature, 1, 4), UnixNanos(time), None);
        }
        waiting.add(attempt(AccessKind::BadSignature, 1, 5), UnixNanos(4), None);
        waiting.add(attempt(AccessKind::RevokedKey, 1, 4), UnixNanos(4), None);
        assert_eq!(waiting.len(), 3);
        let taken = waiting.take(1);
        let note = taken[0].note();
        assert_eq!((note.count, note.first, note.last), (3, UnixNanos(3), UnixNanos(9)));
        // The venue did not take it, and meanwhile there was another.
        waiting.add(attempt(AccessKind::BadSignature, 1, 4), UnixNanos(10), None);
        for entry in taken {
            waiting.put_back(entry);
        }
        assert_eq!((waiting.len(), waiting.attempts()), (3, 6));
        let notes: Vec<_> = waiting.take(usize::MAX).iter().map(Entry::note).collect();
        assert_eq!(notes.iter().map(|note| note.count).collect::<Vec<_>>(), [1, 1, 4]);
        assert_eq!((notes[2].first, notes[2].last), (UnixNanos(3), UnixNanos(10)));
    }

    #[test]
    fn too_many_different_ones_are_counted_by_kind_and_by_key_where_that_is_proven() {
        let mut waiting = Waiting::default();
        for number in 0..1_000 {
            let kind = if number % 2 == 0 { AccessKind::BadSignature } else { AccessKind::RevokedKey };
            waiting.add(attempt(kind, u8::try_from(number % 200).unwrap(), number), UnixNanos(1), None);
        }
        assert_eq!(waiting.len(), DIFFERENT_MAX + 2);
        // Those who prove who they are still have their own places, and beyond them keep their names.
        for number in 0..200 {
            waiting.add(attempt(AccessKind::Read, number, u32::from(number) % 2), UnixNanos(2), None);
        }
        assert_eq!((waiting.len(), waiting.attempts()), (2 * DIFFERENT_MAX + 4, 1_200));
        let taken = waiting.take(8);
        let proven: Vec<_> = taken.iter().map(|entry| entry.attempt.signer.is_some()).collect();
        assert_eq!(proven, [true, false, true, false, true, false, true, false], "in turn");
        let rest = waiting.take(usize::MAX);
        let counted = rest.iter().filter(|entry| !entry.attempt.has_details());
        let counts: Vec<_> = counted.map(|entry| (entry.attempt.kind, entry.attempt.signer, entry.count)).collect();
        assert_eq!(
            counts,
            [
                (AccessKind::Read, Some((UserId(7), KeyId(0))), 68),
                (AccessKind::BadSignature, None, 468),
                (AccessKind::Read, Some((UserId(7), KeyId(1))), 68),
                (AccessKind::RevokedKey, None, 468),
            ]
        );
        assert!(waiting.is_empty());
    }
}
