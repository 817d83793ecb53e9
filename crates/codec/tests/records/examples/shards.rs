//! Examples of shards and moves.

use domain::command::abort_move::AbortMove;
use domain::command::add_shard::AddShard;
use domain::command::begin_move::BeginMove;
use domain::command::commit_move::CommitMove;
use domain::command::set_shard::SetShard;
use domain::command::{Command, RequestContent};
use domain::event::{Event, Moving, ShardAdded, ShardMapEvent, SymbolPlaced, UserPlaced};
use domain::ids::{ShardId, SymbolId, UserId};
use domain::shards::{Move, Shard, ShardStatus, Subject};
use domain::state::{MovedState, ShardMapState};
use domain::units::{Seq, Weight};

use super::{text, venue};

const SUBJECTS: [Subject; 2] = [Subject::Symbol(SymbolId(3)), Subject::User(UserId(7))];

fn shard(id: u16, name: &str, status: ShardStatus) -> Shard {
    Shard { id: ShardId(id), name: text(name), weight: Weight(300), status }
}

/// Commands by golden file.
pub(crate) fn commands() -> Vec<(&'static str, Vec<Command>)> {
    let (name, shard, weight) = (text("frankfurt-1"), ShardId(2), Weight(300));
    let set = |status| venue(RequestContent::SetShard(SetShard { shard, weight, status }));
    let of_each = |content: fn(Subject) -> RequestContent| SUBJECTS.map(|subject| venue(content(subject))).concat();
    vec![
        ("add-shard", venue(RequestContent::AddShard(AddShard { name, weight }))),
        ("set-shard", [set(ShardStatus::Active), set(ShardStatus::Draining)].concat()),
        ("begin-move", of_each(|subject| RequestContent::BeginMove(BeginMove { subject, to: ShardId(2) }))),
        ("commit-move", of_each(|subject| RequestContent::CommitMove(CommitMove { subject }))),
        ("abort-move", of_each(|subject| RequestContent::AbortMove(AbortMove { subject }))),
    ]
}

/// Events by golden file.
pub(crate) fn events() -> Vec<(&'static str, Vec<Event>)> {
    let added = |id, symbols_placed, users_placed| {
        let shard = shard(id, "frankfurt-1", ShardStatus::Active);
        Event::ShardMap(ShardMapEvent::ShardAdded(ShardAdded { shard, symbols_placed, users_placed }))
    };
    let of_each = |event: fn(Moving) -> ShardMapEvent| {
        SUBJECTS.map(|subject| event(Moving { subject, from: ShardId(0), to: ShardId(2) }).into()).to_vec()
    };
    let (symbol, user, on) = (SymbolId(3), UserId(7), ShardId(2));
    vec![
        ("shard-added", vec![added(0, 4, 8), added(2, 0, 0)]),
        (
            "shard-changed",
            vec![Event::ShardMap(ShardMapEvent::ShardChanged(shard(2, "frankfurt-1", ShardStatus::Draining)))],
        ),
        ("symbol-placed", vec![Event::ShardMap(ShardMapEvent::SymbolPlaced(SymbolPlaced { symbol, shard: on }))]),
        ("user-placed", vec![Event::ShardMap(ShardMapEvent::UserPlaced(UserPlaced { user, shard: on }))]),
        ("move-begun", of_each(ShardMapEvent::MoveBegun)),
        ("move-committed", of_each(ShardMapEvent::MoveCommitted)),
        ("move-aborted", of_each(ShardMapEvent::MoveAborted)),
    ]
}

pub(crate) fn map() -> ShardMapState {
    let [symbol, user] = SUBJECTS;
    ShardMapState {
        shards: vec![shard(0, "frankfurt-0", ShardStatus::Active), shard(1, "frankfurt-1", ShardStatus::Draining)],
        symbols: vec![ShardId(0), ShardId(1)],
        users: vec![ShardId(0), ShardId(0), ShardId(1)],
        moved: vec![MovedState { subject: symbol, to: ShardId(1), seq: Seq(4_000) }],
        moves: vec![Move { subject: user, to: ShardId(0), begun: Seq(4_001) }],
    }
}
