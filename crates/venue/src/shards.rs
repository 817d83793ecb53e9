//! `buttonwood shards`: the databases that share the rows, as a whole.

mod administer;
mod router;
mod moving;
mod reach;

use clap::Subcommand;

/// What to do with them.
#[derive(Debug, Subcommand)]
pub(crate) enum Action {
    /// Show the shards of a running venue: what lives on each, and how far its database is.
    List(administer::ListArgs),
    /// Add a shard to a running venue; it takes what is new from then on.
    Add(administer::AddArgs),
    /// Change a shard's weight, or whether it takes what is new.
    Set(administer::SetArgs),
    /// Make an empty database a read-only window on all shards, or bring one up to date.
    Router(router::Args),
    /// Move a symbol to another shard while everybody trades, and show how it goes. Asked again, it shows the move that is under way.
    Move(moving::MoveArgs),
    /// Move a user's money and withdrawals to another shard.
    MoveUser(moving::MoveUserArgs),
    /// Empty a shard: it gets nothing new, and everything that lives on it moves to others.
    Drain(moving::DrainArgs),
    /// What is moving, and what has left a shard and is still there.
    Moves(moving::MovesArgs),
    /// Give up a move that is not committed.
    Abort(moving::AbortArgs),
}

pub(crate) fn run(action: &Action) -> anyhow::Result<()> {
    match action {
        Action::List(args) => administer::list(args),
        Action::Add(args) => administer::add(args),
        Action::Set(args) => administer::set(args),
        Action::Router(args) => router::run(args),
        Action::Move(args) => moving::move_symbol(args),
        Action::MoveUser(args) => moving::move_user(args),
        Action::Drain(args) => moving::drain(args),
        Action::Moves(args) => moving::list(args),
        Action::Abort(args) => moving::abort(args),
    }
}
