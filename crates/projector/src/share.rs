//! What of the streams `symbols` and `users` one store is written, where several stores share them.

use std::collections::BTreeMap;

use domain::event::ShardMapEvent;
use domain::ids::{ShardId, SymbolId, UserId};
use domain::shard_map::ShardMap;
use domain::shards::Subject;
use domain::units::Seq;

/// Symbols and users whose rows were copied to a store from another, each with the sequence they had there: what comes after it is
/// added to the copy, although the subject may still be the other store's.
pub type Incoming = BTreeMap<Subject, Seq>;

/// Which rows a store is written: all of them, or those of the symbols and users that its shard owns.
#[derive(Debug, Clone, Default)]
pub struct Share(Option<Part>);

#[derive(Debug, Clone)]
struct Part {
    shard: ShardId,
    map: ShardMap,
    incoming: Incoming,
}

impl Share {
    /// Everything.
    pub const fn whole() -> Self {
        Self(None)
    }

    /// The part of a shard. The map may be newer than what is pushed, and must not be older than the first block pushed: from there on
    /// the share keeps it up to date by itself.
    pub const fn of(shard: ShardId, map: ShardMap) -> Self {
        Self(Some(Part { shard, map, incoming: Incoming::new() }))
    }

    /// Whose part it is; absent: it is everything.
    pub fn shard(&self) -> Option<ShardId> {
        self.0.as_ref().map(|part| part.shard)
    }

    /// What was copied from other shards, instead of what was said before.
    pub fn set_incoming(&mut self, incoming: Incoming) {
        if let Some(part) = &mut self.0 {
            part.incoming = incoming;
        }
    }

    /// Whether what this sequence does to the symbol is written.
    pub fn has_symbol(&self, symbol: SymbolId, seq: Seq) -> bool {
        self.0.as_ref().is_none_or(|part| part.has(Subject::Symbol(symbol), seq))
    }

    /// Whether what this sequence does to the user's money is written.
    pub fn has_user(&self, user: UserId, seq: Seq) -> bool {
        self.0.as_ref().is_none_or(|part| part.has(Subject::User(user), seq))
    }

    /// Takes up an event that changes the map.
    pub(crate) fn know(&mut self, seq: Seq, event: &ShardMapEvent) {
        if let Some(part) = &mut self.0 {
            part.map.apply(seq, event);
        }
    }
}

impl Part {
    fn has(&self, subject: Subject, seq: Seq) -> bool {
        self.map.owner_at(subject, seq) == Some(self.shard)
            || (!self.incoming.is_empty() && self.is_incoming(subject, seq))
    }

    /// Whether the event comes after the copy and before the subject's next change of owner, which is the commitment of the move
    /// that the copy is for.
    fn is_incoming(&self, subject: Subject, seq: Seq) -> bool {
        self.incoming.get(&subject).is_some_and(|copied| {
            let next = self.map.tenures(subject).into_iter().find(|tenure| tenure.from > *copied);
            seq > *copied && next.is_none_or(|tenure| seq <= tenure.from && tenure.shard == self.shard)
        })
    }
}
