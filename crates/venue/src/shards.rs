//! `buttonwood shards`: the databases that share the rows, as a whole.

mod router;

use clap::Subcommand;

/// What to do with them.
#[derive(Debug, Subcommand)]
pub(crate) enum Action {
    /// Make an empty database a read-only window on all shards, or bring one up to date.
    Router(router::Args),
}

pub(crate) fn run(action: &Action) -> anyhow::Result<()> {
    match action {
        Action::Router(args) => router::run(args),
    }
}
