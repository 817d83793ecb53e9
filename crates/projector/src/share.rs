//! What of the streams `symbols` and `users` one store is written, where several stores share them.

use std::collections::BTreeMap;

use domain::event::{Event, ShardMapEvent};
use domain::ids::{ShardId, SymbolId, UserId};
use domain::shard_map::ShardMap;
use domain::shards::Subject;
use domain::units::Seq;

use crate::batch::Stream;
use crate::block::CommittedBlock;

/// Symbols and users whose rows were copied to a store from another, each with the sequence they had there: what comes after it is
/// added to the copy, although the subject may still be the other store's.
pub type Incoming = BTreeMap<Subject, Seq>;

/// What changes with an event about the rows of a subject that a store has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HoldChange {
    /// They are complete through here and stay so; from now on events of the subject are not for this store.
    Left {
        /// The subject.
        subject: Subject,
        /// The event that ended it.
        at: Seq,
    },
    /// They stay complete: events after this one are still added, although another shard owns them.
    Kept {
        /// The subject.
        subject: Subject,
        /// The event.
        from: Seq,
    },
}

/// The stream that the rows of a subject are of.
pub const fn stream_of(subject: Subject) -> Stream {
    match subject {
        Subject::Symbol(_) => Stream::Symbols,
        Subject::User(_) => Stream::Users,
    }
}

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

    /// What was copied from other shards and is still followed.
    pub fn incoming(&self) -> Option<&Incoming> {
        self.0.as_ref().map(|part| &part.incoming)
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

    /// What the store must be given before it can go on with this block, for with it the subject is the shard's and its rows are not
    /// there. A tenure that is over by what the map knows needs none.
    pub fn missing(&self, stream: Stream, block: &CommittedBlock) -> Option<Subject> {
        let part = self.0.as_ref()?;
        let mut events = block.commands().flat_map(|committed| {
            let seq = committed.command.seq;
            committed.events.iter().map(move |event| (seq, event))
        });
        events.find_map(|(seq, event)| part.lacks(stream, seq, event))
    }

    /// What a store that is empty has of subjects that are the shard's and were not at first: all there is of them before the first
    /// command, which is nothing.
    pub(crate) fn begin(&mut self, stream: Stream) -> Vec<HoldChange> {
        let Some(part) = &mut self.0 else { return Vec::new() };
        let comes = |subject: &Subject| {
            stream_of(*subject) == stream && part.map.owner_at(*subject, Seq::ZERO) != Some(part.shard)
        };
        let subjects: Vec<Subject> = part.map.subjects_on(part.shard).filter(comes).collect();
        let held = subjects.into_iter().filter(|subject| part.incoming.insert(*subject, Seq::ZERO).is_none());
        held.map(|subject| HoldChange::Kept { subject, from: Seq::ZERO }).collect()
    }

    /// Takes up an event that changes the map; what of that stream the store has lets go, or has to note.
    pub(crate) fn know(&mut self, stream: Stream, seq: Seq, event: &ShardMapEvent) -> Option<HoldChange> {
        let part = self.0.as_mut()?;
        part.map.apply(seq, event);
        let (moving, ended) = match event {
            ShardMapEvent::MoveCommitted(moving) => (moving, moving.from),
            ShardMapEvent::MoveAborted(moving) => (moving, moving.to),
            ShardMapEvent::ShardAdded(_)
            | ShardMapEvent::ShardChanged(_)
            | ShardMapEvent::SymbolPlaced(_)
            | ShardMapEvent::UserPlaced(_)
            | ShardMapEvent::MoveBegun(_) => return None,
        };
        if ended != part.shard || stream_of(moving.subject) != stream {
            return None;
        }
        part.ended(moving.subject, seq)
    }
}

impl Part {
    /// Whether all rows through the sequence before are there: only then can another be added.
    fn has(&self, subject: Subject, seq: Seq) -> bool {
        match self.incoming.get(&subject) {
            Some(copied) => seq > *copied,
            None => self.is_native(subject, seq),
        }
    }

    /// Whether the subject was placed on the shard and has not left it yet.
    fn is_native(&self, subject: Subject, seq: Seq) -> bool {
        if self.map.is_empty() {
            // The first shard takes all there is from the beginning on: what comes before it is added is its as well.
            return self.shard == ShardId(0);
        }
        self.map.owner_at(subject, Seq::ZERO) == Some(self.shard)
            && (self.map.tenure_count(subject) == 1
                || self.map.tenures(subject).get(1).is_none_or(|second| seq <= second.from))
    }

    /// Whether the subject is the shard's by the latest the map knows, or is to be.
    fn comes(&self, subject: Subject) -> bool {
        self.map.owner(subject) == Some(self.shard)
            || self.map.move_of(subject).is_some_and(|open| open.to == self.shard)
    }

    fn lacks(&self, stream: Stream, seq: Seq, event: &Event) -> Option<Subject> {
        let Event::ShardMap(ShardMapEvent::MoveCommitted(moving)) = event else { return None };
        let subject = moving.subject;
        if moving.to != self.shard || stream_of(subject) != stream || self.incoming.contains_key(&subject) {
            return None;
        }
        let is_over = self.map.tenures(subject).last().is_some_and(|last| last.from > seq);
        (!is_over).then_some(subject)
    }

    /// The tenure of the shard, or the move to it, has ended with this sequence.
    fn ended(&mut self, subject: Subject, seq: Seq) -> Option<HoldChange> {
        if !self.has(subject, seq) {
            return None;
        }
        if !self.comes(subject) {
            self.incoming.remove(&subject);
            return Some(HoldChange::Left { subject, at: seq });
        }
        // It comes back: the store is behind, and goes on following what it will have to have.
        if self.incoming.contains_key(&subject) {
            return None;
        }
        self.incoming.insert(subject, seq);
        Some(HoldChange::Kept { subject, from: seq })
    }
}
