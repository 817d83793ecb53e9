//! Shards, what is placed on them, and moves between them. See "Shards" in `docs/rules.md`.

use domain::command::abort_move::AbortMove;
use domain::command::add_shard::AddShard;
use domain::command::begin_move::BeginMove;
use domain::command::commit_move::CommitMove;
use domain::command::set_shard::SetShard;
use domain::event::{Created, Event, Moving, ShardAdded, ShardMapEvent, SymbolPlaced, UserPlaced};
use domain::ids::{ShardId, SymbolId, UserId};
use domain::limits::{OPEN_MOVES_MAX, SHARDS_MAX, TENURES_MAX};
use domain::reject::RejectReason;
use domain::shard_map::Load;
use domain::shards::{Shard, ShardStatus, Subject};

use crate::apply::{Engine, id_of};
use crate::requests::check;

impl Engine {
    pub(crate) fn add_shard(&mut self, request: AddShard, events: &mut Vec<Event>) -> Result<Created, RejectReason> {
        let AddShard { name, weight } = request;
        let count = u16::try_from(self.shards.shards().len()).unwrap_or(u16::MAX);
        check(count < SHARDS_MAX, RejectReason::CapacityReached)?;
        check(self.shards.shard_by_name(name.as_str()).is_none(), RejectReason::ShardNameInUse)?;
        check(weight.is_valid(), RejectReason::WeightOutOfRange)?;
        let shard = Shard { id: ShardId(count), name, weight, status: ShardStatus::Active };
        let first = shard.id == ShardId::FIRST;
        let all = |len: usize| if first { id_of(len) } else { 0 };
        let (symbols_placed, users_placed) = (all(self.symbols.len()), all(self.accounts.len()));
        self.remap(ShardMapEvent::ShardAdded(ShardAdded { shard, symbols_placed, users_placed }), events);
        Ok(Created::Shard(shard.id))
    }

    pub(crate) fn set_shard(&mut self, request: SetShard, events: &mut Vec<Event>) -> Result<Created, RejectReason> {
        let SetShard { shard, weight, status } = request;
        let before = *self.shards.shard(shard).ok_or(RejectReason::UnknownShard)?;
        check(weight.is_valid(), RejectReason::WeightOutOfRange)?;
        let takes_new = |other: &Shard| other.id != shard && other.status == ShardStatus::Active;
        let others_do = self.shards.shards().iter().any(takes_new);
        check(status == ShardStatus::Active || others_do, RejectReason::LastActiveShard)?;
        self.remap(ShardMapEvent::ShardChanged(Shard { weight, status, ..before }), events);
        Ok(Created::Nothing)
    }

    pub(crate) fn begin_move(&mut self, request: BeginMove, events: &mut Vec<Event>) -> Result<Created, RejectReason> {
        let BeginMove { subject, to } = request;
        self.check_subject(subject)?;
        let target = *self.shards.shard(to).ok_or(RejectReason::UnknownShard)?;
        let from = self.shards.owner(subject).expect("where there is a shard, everything has a place");
        check(from != to, RejectReason::SameShard)?;
        check(target.status == ShardStatus::Active, RejectReason::ShardDraining)?;
        check(self.shards.move_of(subject).is_none(), RejectReason::AlreadyMoving)?;
        let room = self.shards.moves().len() < OPEN_MOVES_MAX && self.shards.tenure_count(subject) < TENURES_MAX;
        check(room, RejectReason::TooManyMoves)?;
        self.remap(ShardMapEvent::MoveBegun(Moving { subject, from, to }), events);
        Ok(Created::Nothing)
    }

    pub(crate) fn commit_move(
        &mut self,
        request: CommitMove,
        events: &mut Vec<Event>,
    ) -> Result<Created, RejectReason> {
        let moving = self.moving(request.subject)?;
        self.remap(ShardMapEvent::MoveCommitted(moving), events);
        Ok(Created::Nothing)
    }

    pub(crate) fn abort_move(&mut self, request: AbortMove, events: &mut Vec<Event>) -> Result<Created, RejectReason> {
        let moving = self.moving(request.subject)?;
        self.remap(ShardMapEvent::MoveAborted(moving), events);
        Ok(Created::Nothing)
    }

    /// Places a new symbol, if there is a shard.
    pub(crate) fn place_symbol(&mut self, symbol: SymbolId, events: &mut Vec<Event>) {
        if let Some(shard) = self.lightest(|load| load.symbols) {
            self.remap(ShardMapEvent::SymbolPlaced(SymbolPlaced { symbol, shard }), events);
        }
    }

    /// Places a new user, if there is a shard.
    pub(crate) fn place_user(&mut self, user: UserId, events: &mut Vec<Event>) {
        if let Some(shard) = self.lightest(|load| load.users) {
            self.remap(ShardMapEvent::UserPlaced(UserPlaced { user, shard }), events);
        }
    }

    /// The active shard with the least for its weight; of equal ones the first.
    fn lightest(&self, count: fn(Load) -> u32) -> Option<ShardId> {
        let active = self.shards.shards().iter().filter(|shard| shard.status == ShardStatus::Active);
        let measured = |shard: &Shard| (u64::from(count(self.shards.load(shard.id))), u64::from(shard.weight.0));
        let lightest = active.min_by(|a, b| {
            let ((count_a, weight_a), (count_b, weight_b)) = (measured(a), measured(b));
            // Products of 32 bits each: a fraction compared without dividing.
            count_a.saturating_mul(weight_b).cmp(&count_b.saturating_mul(weight_a))
        });
        lightest.map(|shard| shard.id)
    }

    fn moving(&self, subject: Subject) -> Result<Moving, RejectReason> {
        self.check_subject(subject)?;
        let to = self.shards.move_of(subject).ok_or(RejectReason::NotMoving)?.to;
        let from = self.shards.owner(subject).expect("what moves has a place");
        Ok(Moving { subject, from, to })
    }

    fn check_subject(&self, subject: Subject) -> Result<(), RejectReason> {
        match subject {
            Subject::Symbol(symbol) => self.symbol_index(symbol).map(|_| ()),
            Subject::User(user) => check(self.accounts.exists(user), RejectReason::UnknownTargetUser),
        }
    }

    /// The map changes as everybody's who reads the events.
    fn remap(&mut self, event: ShardMapEvent, events: &mut Vec<Event>) {
        let changed = self.shards.apply(self.seq, &event);
        assert!(changed, "a command changes the map once");
        events.push(event.into());
    }
}
