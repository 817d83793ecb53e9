//! One row for each way a request can be wrong: status, code, and Binance's words.

use axum::http::Method;

use crate::venue::Venue;

const BUY: &str = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=100";

fn without(name: &str) -> String {
    BUY.split('&').filter(|piece| !piece.starts_with(&format!("{name}="))).collect::<Vec<_>>().join("&")
}

fn with(name: &str, value: &str) -> String {
    format!("{}&{name}={value}", without(name))
}

#[expect(clippy::too_many_lines, reason = "one row for each refusal")]
#[tokio::test]
async fn an_order_that_cannot_be_read_is_refused_in_binances_words() {
    let (venue, client, _) = Venue::trading().await;
    let mandatory =
        |name: &str| (-1102, format!("Mandatory parameter '{name}' was not sent, was empty/null, or malformed."));
    let illegal = |name: &str| {
        let range = "^([0-9]{1,20})(\\.[0-9]{1,20})?$";
        (-1100, format!("Illegal characters found in parameter '{name}'; legal range is '{range}'."))
    };
    let filter = |name: &str| (-1013, format!("Filter failure: {name}"));
    let not_required = |name: &str| (-1106, format!("Parameter '{name}' sent when not required."));
    let precise = |name: &str| (-1111, format!("Parameter '{name}' has too much precision."));
    let said = |code: i64, message: &str| (code, message.to_owned());
    let market = "symbol=BTCUSDT&side=BUY&type=MARKET";
    let cases = [
        (without("symbol"), mandatory("symbol")),
        (with("symbol", ""), mandatory("symbol")),
        (with("symbol", "NOPE"), said(-1121, "Invalid symbol.")),
        (
            with("symbol", "btcusdt"),
            said(-1100, "Illegal characters found in parameter 'symbol'; legal range is '^[A-Z0-9-_.]{1,32}$'."),
        ),
        (without("side"), mandatory("side")),
        (with("side", "LONG"), said(-1117, "Invalid side.")),
        (without("type"), mandatory("type")),
        (with("type", "LIMITED"), said(-1116, "Invalid orderType.")),
        (with("type", "STOP_LOSS"), said(-1116, "This orderType is not supported; LIMIT, LIMIT_MAKER and MARKET are.")),
        (without("timeInForce"), mandatory("timeInForce")),
        (with("timeInForce", "GTX"), said(-1115, "Invalid timeInForce.")),
        (with("type", "LIMIT_MAKER"), not_required("timeInForce")),
        (without("quantity"), mandatory("quantity")),
        (with("quantity", ""), said(-1105, "Parameter 'quantity' was empty.")),
        (with("quantity", "-1"), illegal("quantity")),
        (with("quantity", "1e3"), illegal("quantity")),
        (with("quantity", "0x10"), illegal("quantity")),
        (with("quantity", ".5"), illegal("quantity")),
        (with("quantity", "0"), said(-1013, "Invalid quantity.")),
        (with("quantity", "0.000000001"), precise("quantity")),
        (with("quantity", "0.00005"), filter("LOT_SIZE")),
        (with("quantity", "1.00005"), filter("LOT_SIZE")),
        (with("quantity", "9000.0001"), filter("LOT_SIZE")),
        (with("quantity", "99999999999999999999"), filter("LOT_SIZE")),
        (without("price"), mandatory("price")),
        (with("price", "abc"), illegal("price")),
        (with("price", "0"), said(-1013, "Invalid price.")),
        (with("price", "100.0000001"), precise("price")),
        (with("price", "100.005"), filter("PRICE_FILTER")),
        (with("price", "0.99"), filter("PRICE_FILTER")),
        (with("price", "1000000.01"), filter("PRICE_FILTER")),
        (with("quantity", "0.0499"), filter("NOTIONAL")),
        (with("quantity", "9000").replace("=100", "=1000.01"), filter("NOTIONAL")),
        (with("quoteOrderQty", "10"), not_required("quoteOrderQty")),
        (with("stopPrice", "10"), not_required("stopPrice")),
        (with("icebergQty", "0.1"), said(-2010, "Iceberg orders are not supported for this symbol.")),
        (with("pegPriceType", "PRIMARY_PEG"), said(-2010, "Pegged orders are not supported for this symbol.")),
        (
            with("selfTradePreventionMode", "EXPIRE_TAKER"),
            said(-2010, "This symbol does not allow the specified self-trade prevention mode."),
        ),
        (with("newOrderRespType", "SHORT"), said(-1130, "Data sent for parameter 'newOrderRespType' is not valid.")),
        (
            with("newClientOrderId", "a%20b"),
            said(
                -1100,
                "Illegal characters found in parameter 'newClientOrderId'; legal range is '^[\\.A-Z\\:/a-z0-9_-]{1,36}$'.",
            ),
        ),
        (
            with("newClientOrderId", &"x".repeat(37)),
            said(
                -1100,
                "Illegal characters found in parameter 'newClientOrderId'; legal range is '^[\\.A-Z\\:/a-z0-9_-]{1,36}$'.",
            ),
        ),
        (
            with("colour", "red"),
            said(-1104, "Not all sent parameters were read; read '8' parameter(s) but was sent '9'."),
        ),
        (format!("{BUY}&price=100"), said(-1101, "Duplicate values for a parameter detected.")),
        (format!("{market}&quantity=1&price=100"), not_required("price")),
        (format!("{market}&quantity=1&timeInForce=GTC"), not_required("timeInForce")),
        (format!("{market}&quantity=1&quoteOrderQty=10"), said(-1128, "Combination of optional parameters invalid.")),
        (market.to_owned(), said(-1102, "Param 'quantity' or 'quoteOrderQty' must be sent, but both were empty/null!")),
        (format!("{market}&quoteOrderQty=0"), said(-1013, "Invalid quote order quantity.")),
        (format!("{market}&quoteOrderQty=4.99"), filter("NOTIONAL")),
        (format!("{market}&quoteOrderQty=10.0000001"), precise("quoteOrderQty")),
    ];
    for path in ["/api/v3/order", "/api/v3/order/test"] {
        for (params, (code, message)) in &cases {
            let answer = venue.signed(&client, Method::POST, path, params).await;
            assert_eq!(answer.error(), (400, *code, message.as_str()), "{path} {params}");
        }
    }
    assert_eq!(venue.inside.model.open_orders(domain::ids::UserId(1), None), []);
}

#[tokio::test]
async fn an_order_that_the_engine_refuses_is_refused_in_binances_words() {
    let (venue, client, other) = Venue::trading().await;
    // A trade at 100 sets the price; then there is an offer at 101.
    venue.order(&other, "symbol=BTCUSDT&side=SELL&type=LIMIT&timeInForce=GTC&quantity=1&price=100").await.ok();
    venue.order(&client, "symbol=BTCUSDT&side=BUY&type=MARKET&quantity=1").await.ok();
    venue.order(&other, "symbol=BTCUSDT&side=SELL&type=LIMIT&timeInForce=GTC&quantity=1&price=101").await.ok();
    venue.order(&client, &format!("{}&newClientOrderId=mine", with("price", "99"))).await.ok();
    let cases = [
        (with("newClientOrderId", "mine"), -2010, "Duplicate order sent."),
        (with("price", "49.99"), -1013, "Filter failure: PERCENT_PRICE_BY_SIDE"),
        (
            with("quantity", "8999.9999").replace("=100", "=150"),
            -2010,
            "Account has insufficient balance for requested action.",
        ),
        (
            "symbol=BTCUSDT&side=BUY&type=LIMIT_MAKER&quantity=1&price=101".to_owned(),
            -2010,
            "Order would immediately match and take.",
        ),
    ];
    for (params, code, message) in cases {
        let answer = venue.order(&client, &params).await;
        assert_eq!(answer.error(), (400, code, message), "{params}");
    }
    venue.admin("symbols/status", r#"{"requestId":"halt","symbol":"BTCUSDT","status":"HALT"}"#).await.ok();
    assert_eq!(venue.order(&client, BUY).await.error(), (400, -2010, "Market is closed."));
    venue.admin("symbols/status", r#"{"requestId":"resume","symbol":"BTCUSDT","status":"TRADING"}"#).await.ok();
    venue.admin("kill-switch", r#"{"requestId":"kill","userId":1,"engaged":true}"#).await.ok();
    assert_eq!(venue.order(&client, BUY).await.error(), (400, -2010, "This action is disabled on this account."));
    venue.admin("kill-switch", r#"{"requestId":"kill all","userId":null,"engaged":true}"#).await.error();
    venue.admin("kill-switch", r#"{"requestId":"kill-all","userId":null,"engaged":true}"#).await.ok();
    assert_eq!(venue.order(&other, BUY).await.error(), (400, -2010, "Market is closed."));
}

#[tokio::test]
async fn a_cancel_or_a_query_of_nothing_says_so() {
    let (venue, client, other) = Venue::trading().await;
    let placed = venue.order(&other, &format!("{BUY}&newClientOrderId=theirs")).await.ok();
    let id = placed["orderId"].as_u64().unwrap();
    let own = venue.order(&client, &format!("{BUY}&newClientOrderId=mine")).await.ok()["orderId"].as_u64().unwrap();
    let both = "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!";
    let cases = [
        (Method::DELETE, "order", "symbol=BTCUSDT".to_owned(), (400, -1102, both)),
        (Method::DELETE, "order", format!("symbol=BTCUSDT&orderId={id}"), (400, -2011, "Unknown order sent.")),
        (
            Method::DELETE,
            "order",
            "symbol=BTCUSDT&origClientOrderId=theirs".to_owned(),
            (400, -2011, "Unknown order sent."),
        ),
        (
            Method::DELETE,
            "order",
            format!("symbol=BTCUSDT&orderId={own}&origClientOrderId=other"),
            (400, -2039, "Client order ID is not correct for this order ID."),
        ),
        (
            Method::DELETE,
            "order",
            format!("symbol=BTCUSDT&orderId={own}&cancelRestrictions=NEVER"),
            (400, -1145, "Invalid cancelRestrictions"),
        ),
        (Method::GET, "order", "symbol=BTCUSDT".to_owned(), (400, -1102, both)),
        (Method::GET, "order", format!("symbol=BTCUSDT&orderId={id}"), (400, -2013, "Order does not exist.")),
        (Method::GET, "order", "symbol=BTCUSDT&orderId=999999".to_owned(), (400, -2013, "Order does not exist.")),
        (
            Method::GET,
            "order",
            format!("symbol=BTCUSDT&orderId={own}&origClientOrderId=other"),
            (400, -2039, "Client order ID is not correct for this order ID."),
        ),
        (
            Method::GET,
            "order",
            "symbol=BTCUSDT&orderId=abc".to_owned(),
            (400, -1100, "Illegal characters found in parameter 'orderId'; legal range is '^[0-9]{1,20}$'."),
        ),
        (
            Method::GET,
            "allOrders",
            "symbol=BTCUSDT&limit=0".to_owned(),
            (400, -1102, "Mandatory parameter 'limit' was not sent, was empty/null, or malformed."),
        ),
        (
            Method::GET,
            "myTrades",
            "symbol=BTCUSDT&fromId=1&startTime=1".to_owned(),
            (400, -1128, "Combination of optional parameters invalid."),
        ),
    ];
    for (method, path, params, error) in cases {
        let answer = venue.signed(&client, method, &format!("/api/v3/{path}"), &params).await;
        assert_eq!(answer.error(), error, "{path} {params}");
    }
    venue.signed(&client, Method::DELETE, "/api/v3/openOrders", "symbol=BTCUSDT").await.ok();
    let answer = venue.signed(&client, Method::DELETE, "/api/v3/openOrders", "symbol=BTCUSDT").await;
    assert_eq!(answer.error(), (400, -2011, "Unknown order sent."));
}

#[tokio::test]
async fn market_data_is_asked_for_properly_or_not_at_all() {
    let (venue, _, _) = Venue::trading().await;
    let cases = [
        ("ping?x=1", (400, -1101, "Too many parameters; expected '0' and received '1'.")),
        ("depth", (400, -1102, "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed.")),
        (
            "depth?symbol=BTCUSDT&limit=x",
            (400, -1100, "Illegal characters found in parameter 'limit'; legal range is '^[0-9]{1,20}$'."),
        ),
        ("klines?symbol=BTCUSDT&interval=7m", (400, -1120, "Invalid interval.")),
        (
            "klines?symbol=BTCUSDT",
            (400, -1102, "Mandatory parameter 'interval' was not sent, was empty/null, or malformed."),
        ),
        ("ticker/24hr?symbol=BTCUSDT&type=HUGE", (400, -1139, "Invalid ticker type.")),
        ("ticker/price?symbol=BTCUSDT&symbols=%5B%5D", (400, -1128, "Combination of optional parameters invalid.")),
        (
            "ticker/price?symbols=%5B%22BTCUSDT%22,%22BTCUSDT%22%5D",
            (400, -1151, "Symbol is present multiple times in the list."),
        ),
        ("ticker/price?symbols=%5B%22NOPE%22%5D", (400, -1121, "Invalid symbol.")),
        (
            "ticker/price?symbol=BTCUSDT&symbolStatus=HALT",
            (400, -1220, "The symbol's status does not match the requested symbolStatus."),
        ),
        ("exchangeInfo?symbolStatus=OPEN", (400, -1122, "Invalid symbolStatus.")),
        ("aggTrades?symbol=BTCUSDT&fromId=1&startTime=5", (400, -1128, "Combination of optional parameters invalid.")),
        ("depth?symbol=BTCUSDT&minSequence=999", (409, -5010, "Sequence 999 is not reached yet; the venue is at 12.")),
        ("nothing", (404, -1000, "There is no such path.")),
        ("order/test", (405, -1000, "This path does not have this method.")),
    ];
    for (target, error) in cases {
        assert_eq!(venue.get(&format!("/api/v3/{target}")).await.error(), error, "{target}");
    }
}
