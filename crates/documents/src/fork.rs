//! Documents as they were at a fork: what a rewind writes over those that later commands changed.

use domain::state::State;
use projector::batch::Stream;
use projector::rows::{AssetRow, SymbolRow};

use crate::collection::Collection;
use crate::document::Document;
use crate::rows::{assets, symbols};

/// The documents of a stream's state collections, as the engine's state has them. They say that they were last changed at the fork,
/// for when before it they were is not known any more.
pub fn documents(stream: Stream, state: &State) -> Vec<(Collection, Document)> {
    match stream {
        Stream::Reference => reference(state),
        // What is only added is deleted, and what is derived is made again: neither needs a state.
        Stream::Trades
        | Stream::Audit
        | Stream::Symbols
        | Stream::Users
        | Stream::Klines
        | Stream::HistoricalPositions
        | Stream::MarketSnapshots
        | Stream::Leaderboards
        | Stream::Analytics => Vec::new(),
    }
}

fn reference(state: &State) -> Vec<(Collection, Document)> {
    let last_seq = state.seq;
    let assets = state.assets.iter().map(|known| AssetRow { asset: known.asset, last_seq });
    let symbols = state.symbols.iter().map(|known| {
        let (instrument, status, limits, fees) = (known.instrument, known.status, known.limits, known.fees);
        SymbolRow { instrument, status, limits, fees, last_seq }
    });
    let assets = assets.map(|row| (Collection::Assets, assets::document(&row)));
    assets.chain(symbols.map(|row| (Collection::Symbols, symbols::document(&row)))).collect()
}
