//! Folds of the derived collections: they go on from rows that a store has, and some from a state of the venue.

mod sums;
mod klines;
mod positions;
mod snapshots;
mod leaderboards;
mod analytics;

use std::fmt::Debug;

use domain::event::{Event, OrderFilled, ReferenceEvent, Trade};
use domain::instrument::Instrument;
use domain::state::State;
use domain::units::{Seq, UnixNanos};

use crate::batch::{Rows, Stream};
use crate::block::CommittedCommand;
use crate::buckets::Bucket;
use crate::fold::Unknown;
use crate::ledger;
use crate::settings::Settings;
use crate::store::StoredRow;

/// The fold of one derived collection.
pub(super) trait Derived: Debug + Send {
    /// Takes over what it needs to know of everything before, where that is more than the rows of open buckets.
    fn begin_at(&mut self, state: &State);

    /// The buckets that are open at a time.
    fn open_at(&self, time: UnixNanos) -> Vec<Bucket>;

    /// Goes on from rows of buckets that are open after `at`, instead of from what it has added up itself. Some may be newer.
    fn remember(&mut self, rows: Vec<StoredRow>, at: Seq);

    /// Adds a command. After an error nothing more may be asked of it.
    fn apply(&mut self, committed: CommittedCommand<'_>) -> Result<(), Unknown>;

    fn has_rows(&self) -> bool;

    fn take(&mut self) -> Rows;
}

/// The fold of a derived stream.
pub(super) fn of(stream: Stream, settings: &Settings) -> Box<dyn Derived> {
    match stream {
        Stream::Klines => Box::new(klines::KlinesFold::default()),
        Stream::HistoricalPositions => Box::new(positions::PositionsFold::new(*settings)),
        Stream::MarketSnapshots => Box::new(snapshots::SnapshotsFold::new(*settings)),
        Stream::Leaderboards => Box::new(leaderboards::LeaderboardsFold::default()),
        Stream::Analytics => Box::new(analytics::AnalyticsFold::default()),
        Stream::Reference | Stream::Symbols | Stream::Users | Stream::Trades | Stream::Audit => {
            unreachable!("{stream:?} is not derived")
        }
    }
}

/// Each trade among the events of a command, with its two fills.
fn trades(events: &[Event]) -> impl Iterator<Item = (&Trade, [&OrderFilled; 2])> {
    events.iter().enumerate().filter_map(|(index, event)| {
        if let Event::Trade(trade) = event {
            Some((trade, ledger::fills_of(trade, &events[index + 1..])))
        } else {
            None
        }
    })
}

/// The symbol that was listed, if one was.
fn listed(event: &ReferenceEvent) -> Option<&Instrument> {
    if let ReferenceEvent::SymbolCreated(created) = event { Some(&created.instrument) } else { None }
}
