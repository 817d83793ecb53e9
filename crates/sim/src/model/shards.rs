//! Shards, what is placed on them, and moves between them.

use domain::command::abort_move::AbortMove;
use domain::command::add_shard::AddShard;
use domain::command::begin_move::BeginMove;
use domain::command::commit_move::CommitMove;
use domain::command::set_shard::SetShard;
use domain::event::{Created, Moving, ShardAdded, ShardMapEvent, SymbolPlaced, UserPlaced};
use domain::ids::{ShardId, SymbolId, UserId};
use domain::limits::{OPEN_MOVES_MAX, SHARD_WEIGHT_MAX, SHARDS_MAX, TENURES_MAX};
use domain::reject::RejectReason;
use domain::shards::{Move, Shard, ShardStatus, Subject};
use domain::state::MovedState;
use domain::units::Weight;

use super::{Model, Outcome};

impl Model {
    pub(super) fn add_shard(&mut self, add: AddShard, outcome: &mut Outcome) -> Result<Created, RejectReason> {
        let id = match u16::try_from(self.state.shards.shards.len()) {
            Ok(next) if next < SHARDS_MAX => ShardId(next),
            Ok(_) | Err(_) => return Err(RejectReason::CapacityReached),
        };
        if self.state.shards.shards.iter().any(|shard| shard.name == add.name) {
            return Err(RejectReason::ShardNameInUse);
        }
        weight_in_range(add.weight)?;
        let shard = Shard { id, name: add.name, weight: add.weight, status: ShardStatus::Active };
        let (mut symbols_placed, mut users_placed) = (0, 0);
        if self.state.shards.shards.is_empty() {
            self.state.shards.symbols = vec![id; self.state.symbols.len()];
            self.state.shards.users = vec![id; self.state.users.len()];
            symbols_placed = u32::try_from(self.state.symbols.len()).expect("within the limits");
            users_placed = u32::try_from(self.state.users.len()).expect("within the limits");
        }
        self.state.shards.shards.push(shard);
        outcome.facts.push(ShardMapEvent::ShardAdded(ShardAdded { shard, symbols_placed, users_placed }).into());
        Ok(Created::Shard(id))
    }

    pub(super) fn set_shard(&mut self, set: SetShard, outcome: &mut Outcome) -> Result<Created, RejectReason> {
        let before = self.shard(set.shard)?;
        weight_in_range(set.weight)?;
        let after = Shard { weight: set.weight, status: set.status, ..before };
        let mut shards = self.state.shards.shards.clone();
        shards[usize::from(set.shard.0)] = after;
        if shards.iter().all(|shard| shard.status == ShardStatus::Draining) {
            return Err(RejectReason::LastActiveShard);
        }
        self.state.shards.shards = shards;
        outcome.facts.push(ShardMapEvent::ShardChanged(after).into());
        Ok(Created::Nothing)
    }

    pub(super) fn begin_move(&mut self, begin: BeginMove, outcome: &mut Outcome) -> Result<Created, RejectReason> {
        let BeginMove { subject, to } = begin;
        self.check_subject(subject)?;
        let target = self.shard(to)?;
        let from = self.home(subject);
        if from == to {
            return Err(RejectReason::SameShard);
        }
        if target.status == ShardStatus::Draining {
            return Err(RejectReason::ShardDraining);
        }
        let map = &mut self.state.shards;
        if map.moves.iter().any(|open| open.subject == subject) {
            return Err(RejectReason::AlreadyMoving);
        }
        let moved = map.moved.iter().filter(|moved| moved.subject == subject).count();
        if map.moves.len() >= OPEN_MOVES_MAX || 1 + moved >= TENURES_MAX {
            return Err(RejectReason::TooManyMoves);
        }
        map.moves.push(Move { subject, to, begun: self.state.seq });
        map.moves.sort_by_key(|open| open.subject);
        outcome.facts.push(ShardMapEvent::MoveBegun(Moving { subject, from, to }).into());
        Ok(Created::Nothing)
    }

    pub(super) fn commit_move(&mut self, commit: CommitMove, outcome: &mut Outcome) -> Result<Created, RejectReason> {
        let moving = self.end_move(commit.subject)?;
        let (subject, to, seq) = (moving.subject, moving.to, self.state.seq);
        self.state.shards.moved.push(MovedState { subject, to, seq });
        outcome.facts.push(ShardMapEvent::MoveCommitted(moving).into());
        Ok(Created::Nothing)
    }

    pub(super) fn abort_move(&mut self, abort: AbortMove, outcome: &mut Outcome) -> Result<Created, RejectReason> {
        let moving = self.end_move(abort.subject)?;
        outcome.facts.push(ShardMapEvent::MoveAborted(moving).into());
        Ok(Created::Nothing)
    }

    pub(super) fn place_symbol(&mut self, symbol: SymbolId, outcome: &mut Outcome) {
        let counts = self.counts(|subject| matches!(subject, Subject::Symbol(_)));
        if let Some(shard) = self.lightest(&counts) {
            self.state.shards.symbols.push(shard);
            outcome.facts.push(ShardMapEvent::SymbolPlaced(SymbolPlaced { symbol, shard }).into());
        }
    }

    pub(super) fn place_user(&mut self, user: UserId, outcome: &mut Outcome) {
        let counts = self.counts(|subject| matches!(subject, Subject::User(_)));
        if let Some(shard) = self.lightest(&counts) {
            self.state.shards.users.push(shard);
            outcome.facts.push(ShardMapEvent::UserPlaced(UserPlaced { user, shard }).into());
        }
    }

    fn shard(&self, shard: ShardId) -> Result<Shard, RejectReason> {
        self.state.shards.shards.get(usize::from(shard.0)).copied().ok_or(RejectReason::UnknownShard)
    }

    fn check_subject(&self, subject: Subject) -> Result<(), RejectReason> {
        match subject {
            Subject::Symbol(symbol) => self.symbol(symbol).map(|_| ()),
            Subject::User(user) => self.target_user(user),
        }
    }

    /// Where it last moved to, else where it was placed.
    fn home(&self, subject: Subject) -> ShardId {
        let map = &self.state.shards;
        let last = map.moved.iter().rev().find(|moved| moved.subject == subject);
        last.map_or_else(
            || match subject {
                Subject::Symbol(symbol) => map.symbols[symbol.0 as usize],
                Subject::User(user) => map.users[user.0 as usize],
            },
            |moved| moved.to,
        )
    }

    fn end_move(&mut self, subject: Subject) -> Result<Moving, RejectReason> {
        self.check_subject(subject)?;
        let mut moves = self.state.shards.moves.iter();
        let place = moves.position(|open| open.subject == subject).ok_or(RejectReason::NotMoving)?;
        let to = self.state.shards.moves.remove(place).to;
        Ok(Moving { subject, from: self.home(subject), to })
    }

    /// By shard: how many of the wanted live on it.
    fn counts(&self, wanted: impl Fn(Subject) -> bool) -> Vec<u64> {
        let map = &self.state.shards;
        let symbols = (0_u32..).zip(&map.symbols).map(|(id, _)| Subject::Symbol(SymbolId(id)));
        let users = (0_u32..).zip(&map.users).map(|(id, _)| Subject::User(UserId(id)));
        let mut counts = vec![0; map.shards.len()];
        for subject in symbols.chain(users).filter(|subject| wanted(*subject)) {
            counts[usize::from(self.home(subject).0)] += 1;
        }
        counts
    }

    /// The active shard with the least for its weight; of equal ones the first.
    fn lightest(&self, counts: &[u64]) -> Option<ShardId> {
        let mut lightest: Option<(u64, &Shard)> = None;
        for (count, shard) in counts.iter().zip(&self.state.shards.shards) {
            let lighter =
                lightest.is_none_or(|(least, by)| count * u64::from(by.weight.0) < least * u64::from(shard.weight.0));
            if shard.status == ShardStatus::Active && lighter {
                lightest = Some((*count, shard));
            }
        }
        lightest.map(|(_, shard)| shard.id)
    }
}

fn weight_in_range(weight: Weight) -> Result<(), RejectReason> {
    if (1..=SHARD_WEIGHT_MAX).contains(&weight.0) { Ok(()) } else { Err(RejectReason::WeightOutOfRange) }
}
