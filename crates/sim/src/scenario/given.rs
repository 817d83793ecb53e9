//! Lines that put the venue near one of its limits, where placing everything one by one would take too long.

use domain::ids::{AssetId, OrderId, SymbolId, TradeId};
use domain::instrument::{Asset, Fees, Instrument, SymbolLimits, SymbolStatus};
use domain::order::{OrderKind, Side, TimeInForce};
use domain::state::{AssetState, ClosedIdState, State, SymbolState};
use domain::units::{Amount, Lots, Ticks};

use super::names::Names;
use super::shards;
use super::words::{Unreadable, Words, number, text};

/// The state as the line wants it, if the line is about what is given.
pub(super) fn given(names: &Names<'_>, line: &str) -> Option<Result<State, Unreadable>> {
    let mut words = Words::of(line);
    if !words.take_if("given") {
        return None;
    }
    let mut state = names.state.clone();
    let changed = change(names, &mut state, &mut words).and_then(|()| words.end());
    Some(changed.map(|()| state))
}

fn change(names: &Names<'_>, state: &mut State, words: &mut Words<'_>) -> Result<(), Unreadable> {
    if words.take_if("last") {
        words.expect("order")?;
        state.last_order = number(words.word()?)?;
        return Ok(());
    }
    let count: usize = number(words.word()?)?;
    match words.word()? {
        "assets" => {
            for id in state.assets.len()..count {
                let asset = Asset { id: AssetId(number(&id.to_string())?), code: text(&format!("A{id}"))?, scale: 0 };
                state.assets.push(AssetState { asset, total: Amount::ZERO, credit: Amount::ZERO });
            }
            Ok(())
        }
        "symbols" => {
            for id in state.symbols.len()..count {
                let symbol = symbol(state, id)?;
                state.symbols.push(symbol);
            }
            shards::place_all(state);
            Ok(())
        }
        "remembered" => {
            words.expect("of")?;
            let user = names.user(words.word()?)?;
            for index in 1..=count {
                state.closed_ids.push(ClosedIdState {
                    user,
                    client_order_id: text(&format!("old{index}"))?,
                    order: OrderId::new(state.cell, 1).ok_or("no such order")?,
                    symbol: SymbolId(0),
                    side: Side::Buy,
                    kind: OrderKind::Limit {
                        price: Ticks(1),
                        quantity: Lots(1),
                        time_in_force: TimeInForce::GoodTilCanceled,
                    },
                    placed: state.seq,
                    closed_time: state.time,
                });
            }
            Ok(())
        }
        "shards" => shards::given_shards(state, count),
        "tenures" => {
            words.expect("of")?;
            shards::given_tenures(names, state, count, words.word()?)
        }
        word => Err(format!("`{word}` cannot be given")),
    }
}

/// Another symbol of the first two assets.
fn symbol(state: &State, id: usize) -> Result<SymbolState, Unreadable> {
    let [first, ..] = state.symbols.as_slice() else { return Err("list a symbol first".to_owned()) };
    let (base, quote) = (first.instrument.base().0 as usize, first.instrument.quote().0 as usize);
    let (base, quote) = (&state.assets[base].asset, &state.assets[quote].asset);
    let steps = (first.instrument.tick_size(), first.instrument.lot_size());
    let id_of = SymbolId(number(&id.to_string())?);
    let instrument = Instrument::new(id_of, text(&format!("S{id}"))?, base, quote, steps.0, steps.1)
        .map_err(|error| format!("{error:?}"))?;
    Ok(SymbolState {
        instrument,
        status: SymbolStatus::Trading,
        limits: SymbolLimits::WIDEST,
        fees: Fees::default(),
        last_price: None,
        last_trade: TradeId(0),
    })
}
