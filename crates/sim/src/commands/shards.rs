//! Shards and moves: few subjects and fewer shards, so that moves meet.

use domain::command::RequestContent;
use domain::command::abort_move::AbortMove;
use domain::command::add_shard::AddShard;
use domain::command::begin_move::BeginMove;
use domain::command::commit_move::CommitMove;
use domain::command::create_symbol::CreateSymbol;
use domain::command::create_user::CreateUser;
use domain::command::set_shard::SetShard;
use domain::ids::{AssetId, ShardId, UserId};
use domain::instrument::SymbolLimits;
use domain::limits::SHARD_WEIGHT_MAX;
use domain::shards::{ShardStatus, Subject};
use domain::units::Weight;

use super::{Writer, fees, small, step, text};

/// Any request about shards, and now and then something new to be placed.
pub(super) fn request(writer: &mut Writer) -> RequestContent {
    match writer.random.below(100) {
        0..10 => {
            let name = writer.random.pick(&["north", "east", "south", "west"]);
            RequestContent::AddShard(AddShard { name: text(name), weight: weight(writer) })
        }
        10..25 => {
            let status = writer.random.pick(&[ShardStatus::Active, ShardStatus::Active, ShardStatus::Draining]);
            RequestContent::SetShard(SetShard { shard: shard(writer), weight: weight(writer), status })
        }
        25..30 => RequestContent::CreateUser(CreateUser),
        30..36 => RequestContent::CreateSymbol(Box::new(symbol(writer))),
        36..66 => RequestContent::BeginMove(BeginMove { subject: subject(writer), to: shard(writer) }),
        66..90 => RequestContent::CommitMove(CommitMove { subject: subject(writer) }),
        _ => RequestContent::AbortMove(AbortMove { subject: subject(writer) }),
    }
}

/// One that can be, if it is not there yet: it is placed.
fn symbol(writer: &mut Writer) -> CreateSymbol {
    CreateSymbol {
        code: text(writer.random.pick(&["MORE1", "MORE2", "MORE3"])),
        base: AssetId(0),
        quote: AssetId(2),
        tick_size: step(1, 1),
        lot_size: step(1, 2),
        limits: SymbolLimits::WIDEST,
        fees: fees(0, 0),
    }
}

fn weight(writer: &mut Writer) -> Weight {
    Weight(writer.random.weighted(&[
        (400, 1),
        (200, 2),
        (200, 3),
        (100, SHARD_WEIGHT_MAX),
        (50, 0),
        (50, SHARD_WEIGHT_MAX + 1),
    ]))
}

fn shard(writer: &mut Writer) -> ShardId {
    ShardId(writer.random.weighted(&[(300, 0), (300, 1), (250, 2), (120, 3), (15, 4), (15, u16::MAX)]))
}

fn subject(writer: &mut Writer) -> Subject {
    match writer.random.below(100) {
        0..45 => Subject::Symbol(small::symbol(writer)),
        45..95 => Subject::User(small::user(writer)),
        _ => Subject::User(UserId::VENUE),
    }
}
