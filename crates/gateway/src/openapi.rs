//! `GET /v1/openapi.json`: the interface as an `OpenAPI` document, made of the table of routes, the parameters each endpoint may read,
//! and the types that bodies are read into. A handler that reads a parameter that is not here fails its tests.

pub(crate) mod parameters;

use std::sync::LazyLock;

use axum::http::{Method, StatusCode};
use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use crate::endpoint::{Admin, Endpoint, ROUTES, Security, is_under_v1};
use crate::error::Error;
use crate::reply::Reply;
use crate::request::Call;
use crate::venue::bodies;
use parameters::{Kind, Parameter, parameters_of};

static DOCUMENT: LazyLock<Vec<u8>> = LazyLock::new(|| document().to_string().into_bytes());

pub(crate) fn openapi(call: &Call<'_>) -> Result<Reply, Error> {
    call.params.all_read()?;
    Ok(Reply { status: StatusCode::OK, body: DOCUMENT.clone(), seq: None })
}

fn document() -> Value {
    let settings =
        SchemaSettings::draft2020_12().with(|settings| settings.definitions_path = "/components/schemas".into());
    let mut schemas = SchemaGenerator::new(settings);
    let mut paths = Map::new();
    for (path, methods) in ROUTES {
        let operations = methods.iter().map(|(method, endpoint)| {
            (method.as_str().to_ascii_lowercase(), operation(path, method, *endpoint, &mut schemas))
        });
        paths.insert((*path).to_owned(), Value::Object(operations.collect()));
    }
    let mut components = Map::from_iter(schemas.take_definitions(true));
    components.insert("Error".to_owned(), error_schema());
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Buttonwood",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "A trading venue. `/api/v3` is the Binance Spot dialect, `/v1` is what Binance lacks. What is signed is the \
                query string, then the body, without the parameter `signature`."
        },
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "apiKey": { "type": "apiKey", "in": "header", "name": "X-MBX-APIKEY" }
            },
            "headers": {
                "sequence": {
                    "description": "The command the answer reflects: everything up to it is in the answer.",
                    "schema": { "type": "integer", "minimum": 0 }
                }
            }
        }
    })
}

fn operation(path: &str, method: &Method, endpoint: Endpoint, schemas: &mut SchemaGenerator) -> Value {
    let security = endpoint.security();
    let mut parameters: Vec<Value> = parameters_of(endpoint).iter().map(parameter).collect();
    parameters.push(parameter(&parameters::MIN_SEQUENCE));
    if security != Security::Public {
        parameters.extend(parameters::SIGNED.iter().map(parameter));
    }
    let answer = json!({
        "description": "What was asked for, or what came of it.",
        "headers": { "x-buttonwood-sequence": { "$ref": "#/components/headers/sequence" } },
        "content": { "application/json": { "schema": {} } }
    });
    let error = json!({
        "description": "Nothing was done, unless the code is -1006 or -1007: then nobody knows.",
        "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Error" } } }
    });
    let name = path.trim_start_matches('/').replace(|letter: char| !letter.is_ascii_alphanumeric(), "_");
    let mut operation = Map::from_iter([
        ("summary".to_owned(), json!(summary(endpoint))),
        ("operationId".to_owned(), json!(format!("{}_{name}", method.as_str().to_ascii_lowercase()))),
        ("tags".to_owned(), json!([if is_under_v1(path) { "v1" } else { "api/v3" }])),
        ("parameters".to_owned(), json!(parameters)),
        ("responses".to_owned(), json!({ "200": answer, "default": error })),
        ("x-weight".to_owned(), json!(endpoint.weight())),
    ]);
    let role = match security {
        Security::Public => None,
        Security::Read => Some("read"),
        Security::Audit | Security::Auditor => Some("audit"),
        Security::Trade => Some("trade"),
        Security::Admin => Some("admin"),
    };
    if let Some(role) = role {
        operation.insert("security".to_owned(), json!([{ "apiKey": [] }]));
        operation.insert("x-role".to_owned(), json!(role));
    }
    if let Endpoint::Admin(admin) = endpoint {
        let content = json!({ "application/json": { "schema": body(admin, schemas) } });
        operation.insert("requestBody".to_owned(), json!({ "required": true, "content": content }));
    }
    Value::Object(operation)
}

fn parameter(parameter: &Parameter) -> Value {
    let Parameter { name, required, kind } = parameter;
    let schema = match kind {
        Kind::Text => json!({ "type": "string" }),
        Kind::Decimal => json!({ "type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?$" }),
        Kind::Integer => json!({ "type": "integer", "minimum": 0 }),
        Kind::Time => json!({ "type": "integer", "description": "Milliseconds or microseconds since 1970." }),
        Kind::Flag => json!({ "type": "boolean" }),
        Kind::Words(words) => json!({ "type": "string", "enum": words }),
    };
    json!({ "name": name, "in": "query", "required": required, "schema": schema })
}

/// The type that [`crate::venue::read`] reads the body into.
fn body(admin: Admin, schemas: &mut SchemaGenerator) -> schemars::Schema {
    match admin {
        Admin::Assets => schemas.subschema_for::<bodies::CreateAsset>(),
        Admin::Symbols => schemas.subschema_for::<bodies::CreateSymbol>(),
        Admin::Users => schemas.subschema_for::<bodies::CreateUser>(),
        Admin::Keys => schemas.subschema_for::<bodies::CreateKey>(),
        Admin::RevokeKey => schemas.subschema_for::<bodies::RevokeKey>(),
        Admin::Deposits | Admin::Withdrawals => schemas.subschema_for::<bodies::Money>(),
        Admin::SettleWithdrawal | Admin::CancelWithdrawal => schemas.subschema_for::<bodies::EndWithdrawal>(),
        Admin::CreditLimits => schemas.subschema_for::<bodies::CreditLimit>(),
        Admin::SymbolFees => schemas.subschema_for::<bodies::SymbolFees>(),
        Admin::UserFees => schemas.subschema_for::<bodies::UserFees>(),
        Admin::SymbolStatus => schemas.subschema_for::<bodies::SymbolStatus>(),
        Admin::SymbolLimits => schemas.subschema_for::<bodies::SymbolLimits>(),
        Admin::Shards => schemas.subschema_for::<bodies::AddShard>(),
        Admin::SetShard => schemas.subschema_for::<bodies::SetShard>(),
        Admin::BeginMove => schemas.subschema_for::<bodies::BeginMove>(),
        Admin::AbortMove => schemas.subschema_for::<bodies::AbortMove>(),
        Admin::KillSwitch => schemas.subschema_for::<bodies::KillSwitch>(),
    }
}

fn error_schema() -> Value {
    json!({
        "type": "object",
        "required": ["code", "msg"],
        "properties": {
            "code": { "type": "integer", "description": "Binance's, or -5000 and below." },
            "msg": { "type": "string" },
            "sequence": { "type": "integer", "description": "Under /v1." }
        }
    })
}

fn summary(endpoint: Endpoint) -> &'static str {
    match endpoint {
        Endpoint::Ping => "Whether the venue answers",
        Endpoint::Time => "The time of day",
        Endpoint::ExchangeInfo => "Symbols and their filters",
        Endpoint::Depth => "The book of a symbol",
        Endpoint::Trades => "The last trades",
        Endpoint::HistoricalTrades => "Trades from an id on",
        Endpoint::AggregateTrades => "Trades by id or time",
        Endpoint::AveragePrice => "Average price of the last minutes",
        Endpoint::Klines => "Candles",
        Endpoint::BookTicker => "Best prices",
        Endpoint::PriceTicker => "Last prices",
        Endpoint::DayTicker => "The last 24 hours",
        Endpoint::PlaceOrder => "Place an order",
        Endpoint::TestOrder => "Check an order without placing it",
        Endpoint::QueryOrder => "One order",
        Endpoint::CancelOrder => "Cancel an order",
        Endpoint::ReplaceOrder => "Cancel an order and place another, as one command",
        Endpoint::AmendOrder => "Reduce an order, keeping its priority",
        Endpoint::OpenOrders => "Open orders",
        Endpoint::CancelOpenOrders => "Cancel all open orders of a symbol",
        Endpoint::AllOrders => "Orders of a symbol, open or not",
        Endpoint::MyTrades => "Own trades of a symbol",
        Endpoint::Account => "Balances",
        Endpoint::Commission => "Fees of a symbol",
        Endpoint::Positions => "Positions with profit and loss",
        Endpoint::PositionHistory => "A position at the end of each stretch of time",
        Endpoint::MarketSnapshots => "What a market looked like",
        Endpoint::Leaderboards => "Who traded or earned most, and the caller's own rank",
        Endpoint::Analytics => "What was traded, by how many",
        Endpoint::Audit => "Commands, and what became of them",
        Endpoint::Ledger => "Movements of money",
        Endpoint::Executions => "What happened to a user, by number and without gaps",
        Endpoint::Status => "How far journal and followers are",
        Endpoint::OpenApi => "This document",
        Endpoint::AcceptClock => "Accept the wall clock after a jump",
        Endpoint::Shards => "Shards, and how far they are",
        Endpoint::Moves => "Moves between shards",
        Endpoint::ShardSubjects => "What a shard has",
        Endpoint::Admin(admin) => match admin {
            Admin::Assets => "Create an asset",
            Admin::Symbols => "Create a symbol",
            Admin::Users => "Create a user",
            Admin::Keys => "Issue an API key",
            Admin::RevokeKey => "Revoke an API key",
            Admin::Deposits => "Deposit",
            Admin::Withdrawals => "Request a withdrawal: the amount is locked",
            Admin::SettleWithdrawal => "Settle a withdrawal: the amount leaves",
            Admin::CancelWithdrawal => "Cancel a withdrawal: the amount is free again",
            Admin::CreditLimits => "Set a credit limit",
            Admin::SymbolFees => "Set the fees of a symbol",
            Admin::UserFees => "Set the fees of a user",
            Admin::SymbolStatus => "Halt or resume a symbol",
            Admin::SymbolLimits => "Set the limits of a symbol",
            Admin::Shards => "Add a shard",
            Admin::SetShard => "Change a shard's weight or status",
            Admin::BeginMove => "Move a symbol or a user to another shard",
            Admin::AbortMove => "Leave it where it is",
            Admin::KillSwitch => "Engage or release a kill switch",
        },
    }
}
