//! The interface's description says what there is: every route, and every parameter that is read.

use std::collections::BTreeSet;
use std::time::Duration;

use axum::http::Method;
use gateway::gateway::Settings;
use serde_json::Value;

use crate::venue::{Client, Venue, timestamp};

/// Not all that was sent was read.
const UNREAD: [i64; 2] = [-1101, -1104];

async fn document(venue: &Venue) -> Value {
    venue.get("/v1/openapi.json").await.ok()
}

/// Path, method, and what it says.
fn operations(document: &Value) -> Vec<(String, Method, Value)> {
    let mut all = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            all.push((path.clone(), method.to_uppercase().parse().unwrap(), operation.clone()));
        }
    }
    all
}

/// A value that its endpoint takes, and any other endpoint too.
fn example(name: &str) -> &'static str {
    match name {
        "symbol" => "BTCUSDT",
        "symbols" => "%5B%22BTCUSDT%22%5D",
        "symbolStatus" => "TRADING",
        "side" => "BUY",
        "type" => "LIMIT",
        "timeInForce" => "GTC",
        "price" => "100",
        "newOrderRespType" => "ACK",
        "selfTradePreventionMode" => "NONE",
        "strategyType" => "1000000",
        "cancelReplaceMode" => "STOP_ON_FAILURE",
        "cancelRestrictions" => "ONLY_NEW",
        "orderRateLimitExceededMode" => "DO_NOTHING",
        "interval" => "1m",
        "asset" => "USDT",
        "timeZone" => "0",
        "permissions" => "SPOT",
        "omitZeroBalances" | "showPermissionSets" | "computeCommissionRates" => "true",
        _ => "1",
    }
}

/// What must be there for the endpoint to look at all the rest.
fn least(path: &str, operation: &Value) -> Vec<&'static str> {
    let required = |name: &'static str| {
        let all = operation["parameters"].as_array().unwrap();
        all.iter().any(|parameter| parameter["name"] == name && parameter["required"] == true)
    };
    let known = ["symbol", "side", "type", "interval", "newQty", "cancelReplaceMode", "shard"];
    let mut names: Vec<_> = known.into_iter().filter(|name| required(name)).collect();
    match path {
        "/api/v3/order" | "/api/v3/order/test" if required("side") => {
            names.extend(["timeInForce", "quantity", "price"]);
        }
        "/api/v3/order" | "/api/v3/order/amend/keepPriority" => names.push("orderId"),
        "/v1/leaderboards" => names.push("asset"),
        "/api/v3/order/cancelReplace" => names.extend(["timeInForce", "quantity", "price", "cancelOrderId"]),
        _ => {}
    }
    names
}

async fn code(venue: &Venue, client: &Client, method: Method, path: &str, names: &[&str]) -> i64 {
    let pairs = names.iter().map(|name| format!("{name}={}", example(name)));
    let query = pairs.collect::<Vec<_>>().join("&");
    if is_public(path) {
        return venue.send(method, &format!("{path}?{query}"), None, String::new()).await.error().1;
    }
    let query = format!("{query}&timestamp={}", timestamp());
    let target = format!("{path}?{query}&signature={}", client.sign(&query));
    venue.send(method, &target, Some(&client.api_key), String::new()).await.error().1
}

fn is_public(path: &str) -> bool {
    let signed = ["order", "openOrders", "allOrders", "myTrades", "account"];
    let own = ["admin", "positions", "ledger", "executions", "leaderboards", "analytics", "audit"];
    !own.iter().any(|first| path.strip_prefix("/v1/").is_some_and(|rest| rest.starts_with(first)))
        && !signed.iter().any(|first| path.strip_prefix("/api/v3/").is_some_and(|rest| rest.starts_with(first)))
}

#[tokio::test]
async fn every_parameter_that_is_described_is_read_and_no_other() {
    // Reads with the rights of others are recorded, so many a second: those that need no such rights are made without them.
    let settings = Settings { answer_timeout: Duration::from_secs(20), ..Settings::default() };
    let (venue, trader, _) = Venue::with_settings(settings).with_market().await;
    let all = venue.key("1", r#"["read","trade","admin","audit"]"#).await;
    let document = document(&venue).await;
    let operations = operations(&document);
    let names_of = |operation: &Value| -> BTreeSet<String> {
        let names = operation["parameters"].as_array().unwrap().iter();
        names.map(|parameter| parameter["name"].as_str().unwrap().to_owned()).collect()
    };
    let everywhere: BTreeSet<String> = operations.iter().flat_map(|(_, _, operation)| names_of(operation)).collect();
    let common = ["timestamp", "signature", "recvWindow", "minSequence"];
    let mut checked = 0;
    for (path, method, operation) in &operations {
        let own = names_of(operation);
        assert_eq!(own.contains("signature"), !is_public(path), "{path}");
        let least = least(path, operation);
        for name in everywhere.iter().map(String::as_str).chain(["surprise"]) {
            if common.contains(&name) || least.contains(&name) {
                continue;
            }
            let names = [&least[..], &[name]].concat();
            let client = if path.starts_with("/v1/admin") || path == "/v1/audit" { &all } else { &trader };
            let code = code(&venue, client, method.clone(), path, &names).await;
            assert_eq!(UNREAD.contains(&code), !own.contains(name), "{method} {path} {names:?}: {code}");
            checked += 1;
        }
    }
    assert!(checked > 1_000, "{checked}");
}

#[tokio::test]
async fn the_routes_are_those_of_the_documentation() {
    let (venue, client, _) = Venue::trading().await;
    let document = document(&venue).await;
    assert_eq!(document["openapi"], "3.1.0");
    let text = include_str!("../../../../docs/api.md");
    let names: BTreeSet<&str> = text.split('`').skip(1).step_by(2).flat_map(str::split_whitespace).collect();
    let mut ids = BTreeSet::new();
    for (path, method, operation) in operations(&document) {
        assert!(ids.insert(operation["operationId"].as_str().unwrap().to_owned()), "{method} {path}: two of one name");
        let short = path.strip_prefix("/api/v3/").or(path.strip_prefix("/v1/admin/")).or(path.strip_prefix("/v1/"));
        let is_there = names.contains(short.unwrap()) || names.contains(path.as_str());
        assert!(is_there, "docs/api.md does not have {path}");
        // It is there: without anything it is refused for what is missing.
        let said = venue.send(method.clone(), &path, Some(&client.api_key), String::new()).await;
        assert!(said.error().0 != 404 && said.error().0 != 405, "{method} {path}");
        assert!(operation["summary"].is_string() && operation["x-weight"].is_u64());
    }
}

#[tokio::test]
async fn bodies_are_described_by_the_types_they_are_read_into() {
    let (venue, _, _) = Venue::trading().await;
    let document = document(&venue).await;
    let mut described = 0;
    for (path, method, operation) in operations(&document) {
        let Some(reference) = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].as_str() else {
            let has_a_body = path.starts_with("/v1/admin/") && method == Method::POST;
            assert!(!has_a_body || path == "/v1/admin/clock", "{path}");
            continue;
        };
        let schema = document.pointer(reference.strip_prefix('#').unwrap()).unwrap_or(&Value::Null);
        assert_eq!(schema["additionalProperties"], false, "{path}: {schema}");
        let required: Vec<&str> =
            schema["required"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
        assert!(required.contains(&"requestId"), "{path}: {required:?}");
        // Without one of them the body is refused by its name.
        for missing in &required {
            let rest = required.iter().filter(|name| *name != missing).map(|name| {
                let property = &schema["properties"][name];
                (*name, sample(&document, property))
            });
            let body: serde_json::Map<String, Value> = rest.map(|(name, value)| (name.to_owned(), value)).collect();
            let said = venue.admin(path.strip_prefix("/v1/admin/").unwrap(), &Value::Object(body).to_string()).await;
            let (status, code, message) = said.error();
            assert_eq!((status, code), (400, -1135), "{path} without {missing}: {message}");
            assert!(message.contains(&format!("missing field `{missing}`")), "{path} without {missing}: {message}");
        }
        described += 1;
    }
    assert_eq!(described, 19);
}

/// Something of the type that a schema says.
fn sample(document: &Value, schema: &Value) -> Value {
    if let Some(reference) = schema["$ref"].as_str() {
        return sample(document, document.pointer(reference.strip_prefix('#').unwrap()).unwrap());
    }
    if let Some(word) = schema["enum"].as_array().and_then(|words| words.first()) {
        return word.clone();
    }
    let kind = &schema["type"];
    let kinds = kind.as_array().cloned().unwrap_or_else(|| vec![kind.clone()]);
    if schema["anyOf"].is_array() || kinds.contains(&Value::from("null")) {
        return Value::Null;
    }
    match kinds[0].as_str() {
        Some("integer") => Value::from(1),
        Some("boolean") => Value::from(true),
        Some("array") => Value::Array(Vec::new()),
        Some("object") => {
            let properties = schema["required"].as_array().cloned().unwrap_or_default();
            let sampled = properties.iter().map(|name| {
                let name = name.as_str().unwrap();
                (name.to_owned(), sample(document, &schema["properties"][name]))
            });
            Value::Object(sampled.collect())
        }
        _ => Value::from("1"),
    }
}
