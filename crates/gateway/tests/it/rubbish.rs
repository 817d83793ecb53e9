//! Whatever comes in, the answer is JSON and never a failure of the server.

use axum::http::Method;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::venue::{Client, Venue};

const PATHS: &[&str] = &[
    "/api/v3/order",
    "/api/v3/order/test",
    "/api/v3/order/cancelReplace",
    "/api/v3/order/amend/keepPriority",
    "/api/v3/openOrders",
    "/api/v3/allOrders",
    "/api/v3/myTrades",
    "/api/v3/account",
    "/api/v3/account/commission",
    "/api/v3/exchangeInfo",
    "/api/v3/depth",
    "/api/v3/trades",
    "/api/v3/historicalTrades",
    "/api/v3/aggTrades",
    "/api/v3/avgPrice",
    "/api/v3/klines",
    "/api/v3/ticker/bookTicker",
    "/api/v3/ticker/price",
    "/api/v3/ticker/24hr",
    "/v1/positions",
    "/v1/ledger",
    "/v1/executions",
    "/v1/status",
    "/v1/admin/assets",
    "/v1/admin/symbols",
    "/v1/admin/deposits",
    "/v1/admin/keys",
    "/v1/admin/kill-switch",
    "/v1/admin/symbols/limits",
    "/nowhere",
];

const NAMES: &[&str] = &[
    "symbol",
    "symbols",
    "side",
    "type",
    "timeInForce",
    "quantity",
    "quoteOrderQty",
    "price",
    "newClientOrderId",
    "newOrderRespType",
    "orderId",
    "origClientOrderId",
    "cancelOrderId",
    "cancelReplaceMode",
    "newQty",
    "limit",
    "fromId",
    "startTime",
    "endTime",
    "interval",
    "timeZone",
    "recvWindow",
    "minSequence",
    "userId",
    "from",
    "fromSequence",
    "omitZeroBalances",
    "permissions",
    "symbolStatus",
    "strategyType",
    "timestamp",
    "signature",
];

const VALUES: &[&str] = &[
    "BTCUSDT",
    "BUY",
    "SELL",
    "LIMIT",
    "MARKET",
    "LIMIT_MAKER",
    "GTC",
    "IOC",
    "FOK",
    "0",
    "1",
    "1.5",
    "100",
    "0.0001",
    "18446744073709551615",
    "18446744073709551616",
    "99999999999999999999.99999999999999999999",
    "-1",
    "",
    "true",
    "1M",
    "1w",
    "STOP_ON_FAILURE",
    "ALLOW_FAILURE",
    "%5B%22BTCUSDT%22%5D",
    "%00",
    "%",
    "%F0%9F%A6%80",
    "1700000000000",
    "+",
    "FULL",
    "TRADING",
];

fn parameters() -> impl Strategy<Value = String> {
    let value = prop_oneof![
        4 => proptest::sample::select(VALUES).prop_map(str::to_owned),
        1 => "[ -~&&[^#&=\"<>\\\\^`{|} ]]{0,12}",
        1 => "[0-9]{1,30}(\\.[0-9]{0,30})?",
    ];
    let pair = (proptest::sample::select(NAMES), value).prop_map(|(name, value)| format!("{name}={value}"));
    proptest::collection::vec(pair, 0..9).prop_map(|pairs| pairs.join("&"))
}

/// Enough that most orders are understood, and then something else.
fn almost_an_order() -> impl Strategy<Value = String> {
    parameters()
        .prop_map(|rest| format!("symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=100&{rest}"))
}

fn methods() -> impl Strategy<Value = Method> {
    proptest::sample::select(vec![Method::GET, Method::POST, Method::PUT, Method::DELETE])
}

fn run<S: Strategy>(strategy: S, check: impl Fn(&tokio::runtime::Runtime, S::Value)) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut runner = TestRunner::new(Config { cases: 1_500, failure_persistence: None, ..Config::default() });
    runner
        .run(&strategy, |value| {
            check(&runtime, value);
            Ok(())
        })
        .unwrap();
}

fn trading() -> (tokio::runtime::Runtime, Venue, Client) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (venue, client, _) = runtime.block_on(Venue::trading());
    (runtime, venue, client)
}

#[test]
fn signed_rubbish_is_answered() {
    let (_runtime, venue, client) = trading();
    let params = prop_oneof![parameters(), almost_an_order()];
    run((proptest::sample::select(PATHS), methods(), params), |runtime, (path, method, params)| {
        // Signed, so that it gets as far as it can.
        let said = runtime.block_on(venue.signed(&client, method.clone(), path, &params));
        assert!(said.status.as_u16() < 500, "{method} {path}?{params}: {}", said.body);
    });
}

#[test]
fn unsigned_rubbish_is_answered() {
    let (_runtime, venue, _) = trading();
    let strategy =
        (proptest::sample::select(PATHS), methods(), parameters(), proptest::collection::vec(any::<u8>(), 0..200));
    run(strategy, |runtime, (path, method, query, body)| {
        let body = String::from_utf8_lossy(&body).into_owned();
        let said = runtime.block_on(venue.send(method.clone(), &format!("{path}?{query}"), Some("key"), body));
        assert!(said.status.as_u16() < 500, "{method} {path}?{query}: {}", said.body);
    });
}

#[test]
fn administration_reads_any_json() {
    let (_runtime, venue, _) = trading();
    let value = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        Just("[]".to_owned()),
        Just("{}".to_owned()),
        any::<i64>().prop_map(|number| number.to_string()),
        proptest::sample::select(VALUES).prop_map(|text| format!("\"{text}\"")),
    ];
    let names = vec![
        "requestId",
        "code",
        "scale",
        "base",
        "quote",
        "tickSize",
        "lotSize",
        "limits",
        "userId",
        "asset",
        "amount",
        "roles",
        "symbol",
        "engaged",
    ];
    let member = (proptest::sample::select(names), value).prop_map(|(name, value)| format!("\"{name}\":{value}"));
    let body = proptest::collection::vec(member, 0..6).prop_map(|members| format!("{{{}}}", members.join(",")));
    let paths = vec![
        "assets",
        "symbols",
        "users",
        "keys",
        "deposits",
        "withdrawals",
        "kill-switch",
        "symbols/limits",
        "fees/user",
    ];
    run((proptest::sample::select(paths), body), |runtime, (path, body)| {
        let said = runtime.block_on(venue.admin(path, &body));
        assert!(said.status.as_u16() < 500, "{path} {body}: {}", said.body);
    });
}
