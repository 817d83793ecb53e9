//! Collection `symbols`.

use domain::ids::{AssetId, SymbolId};
use domain::instrument::{Fees, Instrument, Leg, PriceBand, Step, SymbolLimits};
use domain::units::{Lots, Ppm, Ticks};
use projector::rows::SymbolRow;
use projector::words::Word as _;

use super::assets::text;
use crate::document::{Document, Malformed};
use crate::units::{amount, amount_of};

pub(crate) fn id(symbol: SymbolId) -> String {
    format!("{:010}", symbol.0)
}

pub(crate) fn document(row: &SymbolRow) -> Document {
    let (instrument, limits) = (&row.instrument, &row.limits);
    let (tick, lot) = (instrument.tick_size(), instrument.lot_size());
    let scale = instrument.quote_leg().scale;
    let fields = [
        ("symbol_id", instrument.id().0.into()),
        ("code", instrument.code().as_str().to_owned().into()),
        ("base_asset_id", instrument.base().0.into()),
        ("base_scale", instrument.base_leg().scale.into()),
        ("quote_asset_id", instrument.quote().0.into()),
        ("quote_scale", scale.into()),
        ("tick_mantissa", tick.mantissa.into()),
        ("tick_scale", tick.scale.into()),
        ("lot_mantissa", lot.mantissa.into()),
        ("lot_scale", lot.scale.into()),
        ("status", row.status.word().into()),
        ("price_min", limits.price_min.0.into()),
        ("price_max", limits.price_max.0.into()),
        ("quantity_min", limits.quantity_min.0.into()),
        ("quantity_max", limits.quantity_max.0.into()),
        ("notional_min", amount(limits.notional_min, scale)),
        ("notional_max", amount(limits.notional_max, scale)),
        ("band_above_ppm", limits.band.map(|band| band.above.0).into()),
        ("band_below_ppm", limits.band.map(|band| band.below.0).into()),
        ("maker_ppm", row.fees.maker.0.into()),
        ("taker_ppm", row.fees.taker.0.into()),
    ];
    Document::new(id(instrument.id()), row.last_seq, fields)
}

pub(crate) fn row(document: &Document) -> Result<SymbolRow, Malformed> {
    let id = SymbolId(document.small("symbol_id")?);
    let leg = |asset, scale| {
        Ok::<_, Malformed>(Leg { asset: AssetId(document.small(asset)?), scale: document.small(scale)? })
    };
    let step = |mantissa, scale| {
        Ok::<_, Malformed>(Step { mantissa: document.long(mantissa)?, scale: document.small(scale)? })
    };
    let (base, quote) = (leg("base_asset_id", "base_scale")?, leg("quote_asset_id", "quote_scale")?);
    let (tick, lot) = (step("tick_mantissa", "tick_scale")?, step("lot_mantissa", "lot_scale")?);
    let instrument = Instrument::of_legs(id, text(document, "code")?, base, quote, tick, lot)
        .map_err(|error| Malformed(format!("symbol {}: {error:?}", id.0)))?;
    Ok(SymbolRow {
        instrument,
        status: document.word("status")?,
        limits: limits(document, quote.scale)?,
        fees: Fees { maker: Ppm(document.small("maker_ppm")?), taker: Ppm(document.small("taker_ppm")?) },
        last_seq: document.seq,
    })
}

fn limits(document: &Document, scale: u8) -> Result<SymbolLimits, Malformed> {
    let ppm = |name| document.optional(name, Document::small).map(|ppm| ppm.map(Ppm));
    Ok(SymbolLimits {
        price_min: Ticks(document.long("price_min")?),
        price_max: Ticks(document.long("price_max")?),
        quantity_min: Lots(document.long("quantity_min")?),
        quantity_max: Lots(document.long("quantity_max")?),
        notional_min: amount_of(document, "notional_min", scale)?,
        notional_max: amount_of(document, "notional_max", scale)?,
        band: match (ppm("band_above_ppm")?, ppm("band_below_ppm")?) {
            (Some(above), Some(below)) => Some(PriceBand { above, below }),
            (None, None) => None,
            (Some(_), None) | (None, Some(_)) => {
                return Err(Malformed(format!("symbol {}: half a price band", document.id)));
            }
        },
    })
}
