//! The rows kept in memory are those that a store gets: one fold checks the other.

use domain::ids::{Checkpoint, Hash256, SymbolId, UserId, VenueId};
use domain::units::{Epoch, Seq};
use projector::batch::{Batch, Rows, Stream};
use projector::block::{BlockInfo, CommittedBlock};
use projector::conformance::absent::Absent::Empty;
use projector::fold::Projector;
use projector::history::{FillsQuery, LedgerQuery, OrdersQuery, TimeRange, TradesQuery};
use projector::share::Share;
use readmodel::limits::Limits;
use readmodel::model::ReadModel;

use crate::history::selection;
use crate::stores::{Recorded, recordings};

/// All commands as one batch.
fn projected(venue: &Recorded, stream: Stream) -> Batch {
    let (first, last, none) = (Seq(1), venue.last(), Hash256([0; 32]));
    let info = BlockInfo { venue: VenueId([0; 16]), epoch: Epoch(1), first, last, journal: none, events: none };
    let mut block = CommittedBlock::new(info);
    for (command, events) in &venue.commands {
        block.push(command.clone(), events.iter().cloned());
    }
    let start = Checkpoint { venue: info.venue, epoch: info.epoch, seq: Seq::ZERO, hash: none };
    let mut projector = Projector::new(stream, start, info.epoch, &projector::settings::Settings::default());
    projector.push(&block, &mut Share::whole()).unwrap();
    projector.take().unwrap()
}

#[test]
fn memory_has_the_rows_of_the_stores() {
    for (seed, venue) in recordings(1_000) {
        let model = ReadModel::new(&venue.empty, Limits::default());
        for (command, events) in &venue.commands {
            model.apply(command, events);
        }
        let Rows::Symbols(symbols) = projected(&venue, Stream::Symbols).rows else { panic!("another stream") };
        let Rows::Users(users) = projected(&venue, Stream::Users).rows else { panic!("another stream") };
        let Rows::Trades(trades) = projected(&venue, Stream::Trades).rows else { panic!("another stream") };
        let all = TimeRange::default();
        for symbol in (0..u32::try_from(model.reference().symbols().len()).unwrap()).map(SymbolId) {
            let query = TradesQuery { symbol, selection: selection(None, all, usize::MAX) };
            let expected: Vec<_> = trades.iter().filter(|row| row.symbol == symbol).copied().collect();
            assert_eq!(model.trades(&Empty, &query), Ok(expected), "seed {seed}");
            for user in (0..u32::try_from(model.users_count()).unwrap()).map(UserId) {
                let query = OrdersQuery { user, symbol, selection: selection(None, all, usize::MAX) };
                let expected = symbols.placed.iter().filter(|row| row.user == user && row.symbol == symbol);
                assert_eq!(model.orders(&Empty, &query), Ok(expected.copied().collect()), "seed {seed}");
                let query = FillsQuery { user, symbol, order: None, selection: selection(None, all, usize::MAX) };
                let expected = symbols.fills.iter().filter(|row| row.user == user && row.symbol == symbol);
                assert_eq!(model.fills(&Empty, &query), Ok(expected.copied().collect()), "seed {seed}");
            }
        }
        for user in (0..u32::try_from(model.users_count()).unwrap()).map(UserId) {
            let query = LedgerQuery { user, selection: selection(None, all, usize::MAX) };
            let expected = users.ledger.iter().filter(|row| row.user == Some(user));
            assert_eq!(model.ledger(&Empty, &query), Ok(expected.copied().collect()), "seed {seed}");
        }
    }
}
