//! `GET /v1/positions`.

use domain::order::Side;
use domain::units::{Amount, Lots, Ticks, mul_div};
use projector::book::Best;
use readmodel::account::Position;

use crate::decimal::DecimalText;
use crate::error::Error;
use crate::json::Json;
use crate::reply::Reply;
use crate::request::Call;
use crate::units::Units;
use crate::venue::whose;

pub(crate) fn positions(call: &Call<'_>) -> Result<Reply, Error> {
    let user = whose(call)?;
    let symbol = call.optional_symbol()?.map(|units| units.symbol.instrument.id());
    call.params.all_read()?;
    let model = call.model();
    let reference = model.reference();
    let positions = model.positions(user);
    let now = call.now();
    Ok(Reply::ok(|json| {
        json.object(|json| {
            json.number("sequence", call.seq.0);
            json.number("userId", u64::from(user.0));
            json.name("positions").array(|json| {
                for position in positions.iter().filter(|at| symbol.is_none_or(|symbol| at.symbol == symbol)) {
                    let units =
                        reference.symbol(position.symbol).and_then(|symbol| Units::new(&reference, symbol).ok());
                    let ticker = model.ticker(position.symbol, now);
                    let (Some(units), Some(ticker)) = (units, ticker) else { continue };
                    let mark = ticker.last_price.map(Mark::Last).or_else(|| mid(&ticker.best));
                    write_position(json, &units, position, mark);
                }
            });
        });
    }))
}

/// What a position is valued at.
#[derive(Debug, Clone, Copy)]
enum Mark {
    /// The last trade.
    Last(Ticks),
    /// Half of best bid and best ask together.
    HalfOf(Ticks),
}

fn mid(best: &Best) -> Option<Mark> {
    Some(Mark::HalfOf(Ticks(best.bid?.price.0.checked_add(best.ask?.price.0)?)))
}

fn write_position(json: &mut Json, units: &Units, position: &Position, mark: Option<Mark>) {
    let value = mark.and_then(|mark| value_of(units, position.quantity, mark));
    json.object(|json| {
        json.text("symbol", units.symbol.instrument.code().as_str());
        json.plain("quantity", units.base_amount(position.quantity).as_bytes());
        json.plain("cost", units.quote_amount(position.cost).as_bytes());
        json.plain("realisedPnl", units.quote_amount(position.realised).as_bytes());
        match entry_price(units, position) {
            Some(price) => json.plain("entryPrice", price.as_bytes()),
            None => json.raw("entryPrice", b"null"),
        }
        match (mark, value) {
            (Some(mark), Some(value)) => {
                json.plain("markPrice", mark_text(units, mark).as_bytes());
                json.plain("markValue", units.quote_amount(value).as_bytes());
                let profit = Amount(value.0.saturating_sub(position.cost.0));
                json.plain("unrealisedPnl", units.quote_amount(profit).as_bytes());
            }
            _ => {
                for unknown in ["markPrice", "markValue", "unrealisedPnl"] {
                    json.raw(unknown, b"null");
                }
            }
        }
        if let Some(side) = side_of(position.quantity) {
            json.plain("side", crate::trade::answer::side_word(side).as_bytes());
        } else {
            json.raw("side", b"null");
        }
    });
}

fn side_of(quantity: Amount) -> Option<Side> {
    match quantity.0 {
        0 => None,
        1.. => Some(Side::Buy),
        _ => Some(Side::Sell),
    }
}

/// Quantity × mark in quote minor units, rounded toward zero.
fn value_of(units: &Units, quantity: Amount, mark: Mark) -> Option<Amount> {
    let instrument = &units.symbol.instrument;
    let (ticks, parts) = match mark {
        Mark::Last(price) => (price, 1),
        Mark::HalfOf(sum) => (sum, 2),
    };
    let per_lot = instrument.notional(ticks, Lots(1)).ok()?;
    let one_lot = instrument.base_amount(Lots(1)).ok()?;
    mul_div(quantity.0, per_lot.0, one_lot.0.checked_mul(parts)?).map(Amount)
}

fn mark_text(units: &Units, mark: Mark) -> DecimalText {
    match mark {
        Mark::Last(price) => units.price(price),
        // One decimal more holds the half.
        Mark::HalfOf(sum) => {
            DecimalText::new(units.price_units(sum).saturating_mul(5), units.price_scale().saturating_add(1))
        }
    }
}

/// Cost per base, with the decimals of a price, rounded toward zero.
fn entry_price(units: &Units, position: &Position) -> Option<DecimalText> {
    let power = |exponent: u8| 10_i128.checked_pow(u32::from(exponent));
    let scale = units.price_scale();
    let up = power(units.base.scale)?.checked_mul(power(scale.checked_sub(units.quote.scale)?)?)?;
    Some(DecimalText::new(mul_div(position.cost.0, up, position.quantity.0)?, scale))
}
