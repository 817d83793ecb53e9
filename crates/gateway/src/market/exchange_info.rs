//! `GET /api/v3/exchangeInfo`.

use domain::instrument::{PriceBand, SymbolStatus};
use domain::limits::{OPEN_ORDERS_PER_USER_MAX, PPM_ONE};

use crate::decimal::DecimalText;
use crate::error::Error;
use crate::json::Json;
use crate::reply::Reply;
use crate::request::Call;
use crate::units::{Units, step_text};

use super::selection::Symbols;

pub(crate) fn exchange_info(call: &Call<'_>) -> Result<Reply, Error> {
    let show_sets = call.params.flag("showPermissionSets")?.unwrap_or(true);
    let spot = call.params.optional("permissions")?.is_none_or(|permissions| permissions.contains("SPOT"));
    if call.params.has("permissions") && (call.params.has("symbol") || call.params.has("symbols")) {
        return Err(Error::bad(-1128, "Combination of optional parameters invalid."));
    }
    let symbols = match Symbols::read(call)? {
        Symbols::One(units) => vec![*units],
        Symbols::Many(units) => units,
    };
    call.params.all_read()?;
    Ok(Reply::ok(|json| {
        json.object(|json| {
            json.plain("timezone", b"UTC");
            json.number("serverTime", call.now().millis());
            json.name("rateLimits").array(|_| {});
            json.name("exchangeFilters").array(|json| {
                json.object(|json| {
                    json.plain("filterType", b"EXCHANGE_MAX_NUM_ORDERS");
                    json.number("maxNumOrders", u64::from(OPEN_ORDERS_PER_USER_MAX));
                });
            });
            json.name("symbols").array(|json| {
                for units in symbols.iter().filter(|_| spot) {
                    write_symbol(json, units, show_sets);
                }
            });
        });
    }))
}

fn write_symbol(json: &mut Json, units: &Units, show_sets: bool) {
    let status: &[u8] = match units.symbol.status {
        SymbolStatus::Trading => b"TRADING",
        SymbolStatus::Halted => b"HALT",
    };
    let (base_scale, quote_scale) = (u64::from(units.base.scale), u64::from(units.quote.scale));
    json.object(|json| {
        json.text("symbol", units.symbol.instrument.code().as_str());
        json.plain("status", status);
        json.text("baseAsset", units.base.code.as_str());
        json.number("baseAssetPrecision", base_scale);
        json.text("quoteAsset", units.quote.code.as_str());
        json.number("quotePrecision", quote_scale);
        json.number("quoteAssetPrecision", quote_scale);
        json.number("baseCommissionPrecision", base_scale);
        json.number("quoteCommissionPrecision", quote_scale);
        json.raw("orderTypes", br#"["LIMIT","LIMIT_MAKER","MARKET"]"#);
        json.flag("icebergAllowed", false);
        json.flag("ocoAllowed", false);
        json.flag("otoAllowed", false);
        json.flag("opoAllowed", false);
        json.flag("quoteOrderQtyMarketAllowed", true);
        json.flag("allowTrailingStop", false);
        json.flag("cancelReplaceAllowed", true);
        json.flag("amendAllowed", true);
        json.flag("pegInstructionsAllowed", false);
        json.flag("isSpotTradingAllowed", true);
        json.flag("isMarginTradingAllowed", false);
        json.name("filters").array(|json| write_filters(json, units));
        json.name("permissions").array(|_| {});
        json.raw("permissionSets", if show_sets { br#"[["SPOT"]]"# } else { b"[]" });
        json.plain("defaultSelfTradePreventionMode", b"NONE");
        json.raw("allowedSelfTradePreventionModes", br#"["NONE"]"#);
    });
}

fn write_filters(json: &mut Json, units: &Units) {
    let (instrument, limits) = (&units.symbol.instrument, &units.symbol.limits);
    json.object(|json| {
        json.plain("filterType", b"PRICE_FILTER");
        json.plain("minPrice", units.price(limits.price_min).as_bytes());
        json.plain("maxPrice", units.price(limits.price_max).as_bytes());
        json.plain("tickSize", step_text(instrument.tick_size(), units.price_scale()).as_bytes());
    });
    for filter in [&b"LOT_SIZE"[..], b"MARKET_LOT_SIZE"] {
        json.object(|json| {
            json.plain("filterType", filter);
            json.plain("minQty", units.quantity(limits.quantity_min).as_bytes());
            json.plain("maxQty", units.quantity(limits.quantity_max).as_bytes());
            json.plain("stepSize", step_text(instrument.lot_size(), units.base.scale).as_bytes());
        });
    }
    json.object(|json| {
        json.plain("filterType", b"NOTIONAL");
        json.plain("minNotional", units.quote_amount(limits.notional_min).as_bytes());
        json.flag("applyMinToMarket", false);
        json.plain("maxNotional", units.quote_amount(limits.notional_max).as_bytes());
        json.flag("applyMaxToMarket", false);
        json.number("avgPriceMins", 0);
    });
    if let Some(band) = limits.band {
        write_band(json, band);
    }
    json.object(|json| {
        json.plain("filterType", b"MAX_NUM_ORDERS");
        json.number("maxNumOrders", u64::from(OPEN_ORDERS_PER_USER_MAX));
    });
}

/// The band is around the last trade and the same for both sides.
fn write_band(json: &mut Json, band: PriceBand) {
    let factor = |ppm: u32| DecimalText::new(i128::from(ppm), 6);
    let (up, down) = (PPM_ONE.saturating_add(band.above.0), PPM_ONE.saturating_sub(band.below.0));
    json.object(|json| {
        json.plain("filterType", b"PERCENT_PRICE_BY_SIDE");
        json.plain("bidMultiplierUp", factor(up).as_bytes());
        json.plain("bidMultiplierDown", factor(down).as_bytes());
        json.plain("askMultiplierUp", factor(up).as_bytes());
        json.plain("askMultiplierDown", factor(down).as_bytes());
        json.number("avgPriceMins", 0);
    });
}
