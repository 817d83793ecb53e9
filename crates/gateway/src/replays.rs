//! Signatures of requests that change something, remembered for as long as they would be accepted.

use std::sync::{Mutex, PoisonError};

use domain::units::UnixNanos;
use foldhash::fast::RandomState;
use hashbrown::HashSet;

const SHARDS: usize = 16;
const SECOND_NS: u64 = 1_000_000_000;
/// Seconds a request can be valid for: the longest window, a second ahead, and the one begun.
const SECONDS: usize = 64;

/// The signatures seen, by the second in which their requests expire.
#[derive(Debug)]
pub(crate) struct Replays {
    shards: Vec<Mutex<Shard>>,
    per_shard_max: usize,
}

#[derive(Debug)]
struct Shard {
    seconds: Vec<Second>,
    count: usize,
}

#[derive(Debug, Default)]
struct Second {
    /// Which second since 1970.
    number: u64,
    seen: HashSet<Print, RandomState>,
}

/// Enough of a signature to tell it from any other.
pub(crate) type Print = [u8; 16];

/// What became of an attempt to remember.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seen {
    Never,
    Before,
    /// There is no room: nobody can say.
    NoRoom,
}

impl Replays {
    /// Room for about `max` signatures.
    pub(crate) fn new(max: usize) -> Self {
        let shard = || {
            let seconds = std::iter::repeat_with(Second::default).take(SECONDS).collect();
            Mutex::new(Shard { seconds, count: 0 })
        };
        Self { shards: std::iter::repeat_with(shard).take(SHARDS).collect(), per_shard_max: max / SHARDS }
    }

    /// Remembers a signature until `expires`, if it is new.
    pub(crate) fn remember(&self, print: &Print, expires: UnixNanos, now: UnixNanos) -> Seen {
        let Some(mut shard) = self.shard(print) else { return Seen::NoRoom };
        let max = self.per_shard_max;
        if shard.count >= max {
            shard.forget_before(now.0 / SECOND_NS);
        }
        let full = shard.count >= max;
        let second = match shard.second(expires) {
            Some(second) if second.seen.contains(print) => return Seen::Before,
            Some(second) if !full => second,
            Some(_) | None => return Seen::NoRoom,
        };
        second.seen.insert(*print);
        shard.count += 1;
        Seen::Never
    }

    /// Nothing came of the request: it may come again.
    pub(crate) fn forget(&self, print: &Print, expires: UnixNanos) {
        let Some(mut shard) = self.shard(print) else { return };
        if shard.second(expires).is_some_and(|second| second.seen.remove(print)) {
            shard.count = shard.count.saturating_sub(1);
        }
    }

    fn shard(&self, print: &Print) -> Option<std::sync::MutexGuard<'_, Shard>> {
        let [first, ..] = *print;
        let shard = self.shards.get(usize::from(first) % SHARDS)?;
        Some(shard.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Shard {
    /// The set of the second of `expires`, emptied of what expired a round ago.
    fn second(&mut self, expires: UnixNanos) -> Option<&mut Second> {
        let number = expires.0 / SECOND_NS;
        let index = usize::try_from(number).ok()? % SECONDS;
        let second = self.seconds.get_mut(index)?;
        if second.number != number {
            self.count = self.count.saturating_sub(second.seen.len());
            second.seen.clear();
            second.number = number;
        }
        Some(second)
    }

    fn forget_before(&mut self, number: u64) {
        for second in self.seconds.iter_mut().filter(|second| second.number < number) {
            self.count = self.count.saturating_sub(second.seen.len());
            second.seen.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_known_until_it_expires_and_no_longer() {
        let at = |seconds: u64| UnixNanos(seconds * SECOND_NS);
        let replays = Replays::new(SHARDS * 2);
        let print = [3; 16];
        assert_eq!(replays.remember(&print, at(105), at(100)), Seen::Never);
        assert_eq!(replays.remember(&print, at(105), at(101)), Seen::Before);
        replays.forget(&print, at(105));
        assert_eq!(replays.remember(&print, at(105), at(101)), Seen::Never);
        let mut other = print;
        other[15] = 4;
        assert_eq!(replays.remember(&other, at(106), at(101)), Seen::Never);
        other[15] = 5;
        assert_eq!(replays.remember(&other, at(107), at(102)), Seen::NoRoom, "bounded");
        assert_eq!(replays.remember(&other, at(111), at(106)), Seen::Never, "what has expired makes room");
        assert_eq!(replays.remember(&print, at(105 + 64), at(165)), Seen::Never, "the second is used again");
    }
}
