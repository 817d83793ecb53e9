//! Which shard has what: a fold of events, and who owned what at any time.

mod places;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use crate::event::{Moving, ShardAdded, ShardMapEvent};
use crate::ids::{ShardId, SymbolId, UserId};
use crate::shards::{Move, Shard, ShardStatus, Subject, Tenure};
use crate::state::{MovedState, ShardMapState};
use crate::units::Seq;
use places::Places;

/// The shard map as it is after some command.
///
/// Its past is part of it: what it says of a sequence stays as it is whatever comes later. So who follows from far behind may
/// use any later map. A copy is cheap: it shares with the original what does not change.
#[derive(Debug, Clone, Default)]
pub struct ShardMap {
    shards: Vec<Shard>,
    /// By shard.
    loads: Vec<Load>,
    symbols: Places,
    users: Places,
    moves: BTreeMap<Subject, Move>,
    changed: Seq,
}

/// How much lives on a shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Load {
    /// Symbols.
    pub symbols: u32,
    /// Users.
    pub users: u32,
}

/// What can be asked.
impl ShardMap {
    /// Whether there is no shard: one store takes everything.
    pub const fn is_empty(&self) -> bool {
        self.shards.is_empty()
    }

    /// All shards, by id.
    pub fn shards(&self) -> &[Shard] {
        &self.shards
    }

    /// The shard with this id.
    pub fn shard(&self, id: ShardId) -> Option<&Shard> {
        self.shards.get(usize::from(id.0))
    }

    /// The shard with this name.
    pub fn shard_by_name(&self, name: &str) -> Option<&Shard> {
        self.shards.iter().find(|shard| shard.name.as_str() == name)
    }

    /// How much lives on a shard.
    pub fn load(&self, id: ShardId) -> Load {
        self.loads.get(usize::from(id.0)).copied().unwrap_or_default()
    }

    /// The shard an event of this sequence belongs to; absent as long as there is no shard, or no such subject.
    ///
    /// Of a subject that existed then, no later map says anything else.
    pub fn owner_at(&self, subject: Subject, seq: Seq) -> Option<ShardId> {
        let (places, id) = self.places(subject);
        places.owner_at(id, seq)
    }

    /// The shard the next event belongs to.
    pub fn owner(&self, subject: Subject) -> Option<ShardId> {
        let (places, id) = self.places(subject);
        places.owner(id)
    }

    /// All tenures, oldest first. The first is from [`Seq::ZERO`]: before a subject was placed it had no events of its own, or
    /// the first shard has them all.
    pub fn tenures(&self, subject: Subject) -> Vec<Tenure> {
        let (places, id) = self.places(subject);
        places.tenures(id)
    }

    /// How many tenures there are.
    pub fn tenure_count(&self, subject: Subject) -> usize {
        let (places, id) = self.places(subject);
        places.tenure_count(id)
    }

    /// How often symbols have moved.
    pub fn symbol_moves(&self) -> usize {
        self.symbols.later().count()
    }

    /// How many symbols have a place: all there are, or none.
    pub const fn symbols_placed(&self) -> u32 {
        self.symbols.len()
    }

    /// How many users have a place: all there are, the venue included, or none.
    pub const fn users_placed(&self) -> u32 {
        self.users.len()
    }

    /// Whether a shard owns a symbol or a user, or ever did.
    pub fn has_owned(&self, shard: ShardId) -> bool {
        let later = self.symbols.later().chain(self.users.later());
        let first = self.symbols.first().chain(self.users.first());
        first.chain(later.map(|(_, tenure)| tenure.shard)).any(|owner| owner == shard)
    }

    /// Open moves, by subject.
    pub fn moves(&self) -> impl ExactSizeIterator<Item = &Move> {
        self.moves.values()
    }

    /// The open move of a subject.
    pub fn move_of(&self, subject: Subject) -> Option<&Move> {
        self.moves.get(&subject)
    }

    /// What lives on a shard: symbols by id, then users by id.
    pub fn subjects_on(&self, shard: ShardId) -> impl Iterator<Item = Subject> + '_ {
        let on = move |(_, owner): &(u32, ShardId)| *owner == shard;
        let symbols = self.symbols.owners().filter(on).map(|(id, _)| Subject::Symbol(SymbolId(id)));
        symbols.chain(self.users.owners().filter(on).map(|(id, _)| Subject::User(UserId(id))))
    }

    /// Last command that changed the map.
    pub const fn changed(&self) -> Seq {
        self.changed
    }

    fn places(&self, subject: Subject) -> (&Places, u32) {
        match subject {
            Subject::Symbol(symbol) => (&self.symbols, symbol.0),
            Subject::User(user) => (&self.users, user.0),
        }
    }
}

/// The fold.
impl ShardMap {
    /// Takes up an event, unless the map has it already. Events come in the order of their sequences; the map may be newer than
    /// the first of them. Returns whether it changed.
    ///
    /// # Panics
    /// Where the event cannot come after what the map knows: no engine writes such a log.
    pub fn apply(&mut self, seq: Seq, event: &ShardMapEvent) -> bool {
        // A command has at most one event that changes the map.
        if seq <= self.changed {
            return false;
        }
        match event {
            ShardMapEvent::ShardAdded(added) => self.add_shard(added),
            ShardMapEvent::ShardChanged(shard) => self.shards[usize::from(shard.id.0)] = *shard,
            ShardMapEvent::SymbolPlaced(placed) => self.place(Subject::Symbol(placed.symbol), placed.shard),
            ShardMapEvent::UserPlaced(placed) => self.place(Subject::User(placed.user), placed.shard),
            ShardMapEvent::MoveBegun(Moving { subject, from: _, to }) => {
                let begun = Move { subject: *subject, to: *to, begun: seq };
                assert!(self.moves.insert(*subject, begun).is_none(), "a subject moves once at a time");
            }
            ShardMapEvent::MoveCommitted(moving) => {
                self.end_move(moving);
                self.settle(moving.subject, Tenure { shard: moving.to, from: seq });
            }
            ShardMapEvent::MoveAborted(moving) => self.end_move(moving),
        }
        self.changed = seq;
        true
    }

    fn add_shard(&mut self, added: &ShardAdded) {
        let ShardAdded { shard, symbols_placed, users_placed } = added;
        assert!(usize::from(shard.id.0) == self.shards.len(), "shard ids are dense");
        self.shards.push(*shard);
        self.loads.push(Load::default());
        for symbol in 0..*symbols_placed {
            self.place(Subject::Symbol(SymbolId(symbol)), shard.id);
        }
        for user in 0..*users_placed {
            self.place(Subject::User(UserId(user)), shard.id);
        }
    }

    fn place(&mut self, subject: Subject, shard: ShardId) {
        let (places, id, count) = self.places_mut(subject, shard);
        places.push(id, shard);
        *count = count.checked_add(1).expect("ids have 32 bits");
    }

    fn settle(&mut self, subject: Subject, tenure: Tenure) {
        let before = self.owner(subject).expect("only what has a place moves");
        let (_, _, left) = self.places_mut(subject, before);
        *left = left.checked_sub(1).expect("the owner counted it");
        let (places, id, count) = self.places_mut(subject, tenure.shard);
        places.settle(id, tenure);
        *count = count.checked_add(1).expect("ids have 32 bits");
    }

    fn end_move(&mut self, moving: &Moving) {
        let open = self.moves.remove(&moving.subject).expect("what ends has begun");
        assert!(open.to == moving.to, "a move ends where it was to go");
    }

    fn places_mut(&mut self, subject: Subject, shard: ShardId) -> (&mut Places, u32, &mut u32) {
        let load = self.loads.get_mut(usize::from(shard.0)).expect("the shard exists");
        match subject {
            Subject::Symbol(symbol) => (&mut self.symbols, symbol.0, &mut load.symbols),
            Subject::User(user) => (&mut self.users, user.0, &mut load.users),
        }
    }
}

/// The map as plain data, and back.
impl ShardMap {
    /// The map that has this state, of a venue at `seq`; else what is wrong with it.
    pub fn from_state(state: &ShardMapState, seq: Seq) -> Result<Self, &'static str> {
        check(state, seq)?;
        let mut map = Self { shards: state.shards.clone(), changed: seq, ..Self::default() };
        map.loads = vec![Load::default(); map.shards.len()];
        for (id, shard) in (0..).zip(&state.symbols) {
            map.place(Subject::Symbol(SymbolId(id)), *shard);
        }
        for (id, shard) in (0..).zip(&state.users) {
            map.place(Subject::User(UserId(id)), *shard);
        }
        for moved in &state.moved {
            if map.owner(moved.subject).is_none_or(|owner| owner == moved.to) {
                return Err("a move committed leads nowhere");
            }
            map.settle(moved.subject, Tenure { shard: moved.to, from: moved.seq });
        }
        for open in &state.moves {
            if map.owner(open.subject).is_none_or(|owner| owner == open.to) {
                return Err("an open move leads nowhere");
            }
            map.moves.insert(open.subject, *open);
        }
        Ok(map)
    }

    /// The map as plain data.
    pub fn state(&self) -> ShardMapState {
        let moved = |subject: Subject, tenure: &Tenure| MovedState { subject, to: tenure.shard, seq: tenure.from };
        let symbols = self.symbols.later().map(|(id, tenure)| moved(Subject::Symbol(SymbolId(id)), tenure));
        let users = self.users.later().map(|(id, tenure)| moved(Subject::User(UserId(id)), tenure));
        let mut all: Vec<MovedState> = symbols.chain(users).collect();
        all.sort_unstable_by_key(|moved| moved.seq);
        ShardMapState {
            shards: self.shards.clone(),
            symbols: self.symbols.first().collect(),
            users: self.users.first().collect(),
            moved: all,
            moves: self.moves.values().copied().collect(),
        }
    }
}

/// What must hold of the lists by themselves.
fn check(state: &ShardMapState, seq: Seq) -> Result<(), &'static str> {
    let exists = |shard: ShardId| usize::from(shard.0) < state.shards.len();
    let ensure = |holds: bool, what: &'static str| if holds { Ok(()) } else { Err(what) };
    ensure(state.shards.iter().zip(0_u16..).all(|(shard, id)| shard.id == ShardId(id)), "shard ids are not dense")?;
    let active = state.shards.iter().any(|shard| shard.status == ShardStatus::Active);
    ensure(active || state.shards.is_empty(), "no shard is active")?;
    let placed = state.symbols.iter().chain(&state.users);
    let settled = state.moved.iter().map(|moved| moved.to).chain(state.moves.iter().map(|open| open.to));
    ensure(placed.copied().chain(settled).all(exists), "a shard is missing")?;
    ensure(state.moved.is_sorted_by(|a, b| a.seq < b.seq), "committed moves are not in order")?;
    ensure(state.moves.is_sorted_by(|a, b| a.subject < b.subject), "open moves are not in order")?;
    let last = state.moved.iter().map(|moved| moved.seq).chain(state.moves.iter().map(|open| open.begun)).max();
    ensure(last.is_none_or(|last| last <= seq), "a move is of the future")
}
