//! `GET /api/v3/account` and `account/commission`.

use domain::instrument::Fees;
use domain::units::{Amount, Ppm};
use readmodel::account::Balance;

use crate::decimal::DecimalText;
use crate::error::Error;
use crate::json::Json;
use crate::reply::Reply;
use crate::request::Call;
use crate::units::rate;

pub(crate) fn account(call: &Call<'_>) -> Result<Reply, Error> {
    let caller = call.caller()?;
    let omit_zero = call.params.flag("omitZeroBalances")?.unwrap_or(false);
    call.params.all_read()?;
    let model = call.model();
    let user = model.user(caller.user).unwrap_or_default();
    let time = model.time();
    let balances = model.balances(caller.user);
    let reference = model.reference();
    // Fees differ by symbol; without fees of their own the account shows those of the first symbol.
    let fees = user.fees.or_else(|| reference.symbols().first().map(|symbol| symbol.fees)).unwrap_or_default();
    Ok(Reply::ok(|json| {
        json.object(|json| {
            // In hundredths of a percent.
            json.number("makerCommission", u64::from(fees.maker.0 / 100));
            json.number("takerCommission", u64::from(fees.taker.0 / 100));
            json.number("buyerCommission", 0);
            json.number("sellerCommission", 0);
            json.name("commissionRates");
            write_rates(json, fees);
            json.flag("canTrade", caller.roles.trade && !user.killed && !reference.is_killed());
            json.flag("canWithdraw", true);
            json.flag("canDeposit", true);
            json.flag("brokered", false);
            json.flag("requireSelfTradePrevention", false);
            json.flag("preventSor", false);
            json.number("updateTime", time.millis());
            json.plain("accountType", b"SPOT");
            json.name("balances").array(|json| {
                for asset in reference.assets() {
                    let balance = balances.binary_search_by_key(&asset.id, |balance| balance.asset);
                    let balance = balance.ok().and_then(|index| balances.get(index));
                    let (free, locked) = balance.map_or((Amount::ZERO, Amount::ZERO), shown);
                    if omit_zero && free.is_zero() && locked.is_zero() {
                        continue;
                    }
                    json.object(|json| {
                        json.text("asset", asset.code.as_str());
                        json.plain("free", DecimalText::new(free.0, asset.scale).as_bytes());
                        json.plain("locked", DecimalText::new(locked.0, asset.scale).as_bytes());
                    });
                }
            });
            json.name("permissions").array(|json| json.plain_value(b"SPOT"));
            json.number("uid", u64::from(caller.user.0));
        });
    }))
}

fn shown(balance: &Balance) -> (Amount, Amount) {
    (balance.free, balance.locked)
}

pub(crate) fn commission(call: &Call<'_>) -> Result<Reply, Error> {
    let units = call.symbol()?;
    call.params.all_read()?;
    let fees = call.model().user(call.caller()?.user).and_then(|user| user.fees).unwrap_or(units.symbol.fees);
    Ok(Reply::ok(|json| {
        json.object(|json| {
            json.text("symbol", units.symbol.instrument.code().as_str());
            json.name("standardCommission");
            write_rates(json, fees);
            for none in ["specialCommission", "taxCommission"] {
                json.name(none);
                write_rates(json, Fees::default());
            }
            json.name("discount").object(|json| {
                json.flag("enabledForAccount", false);
                json.flag("enabledForSymbol", false);
                json.raw("discountAsset", b"null");
                json.plain("discount", rate(Ppm(0)).as_bytes());
            });
        });
    }))
}

fn write_rates(json: &mut Json, fees: Fees) {
    json.object(|json| {
        json.plain("maker", rate(fees.maker).as_bytes());
        json.plain("taker", rate(fees.taker).as_bytes());
        json.plain("buyer", rate(Ppm(0)).as_bytes());
        json.plain("seller", rate(Ppm(0)).as_bytes());
    });
}
