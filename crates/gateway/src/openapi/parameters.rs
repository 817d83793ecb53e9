//! Which parameters each endpoint may read.

use crate::endpoint::Endpoint;

/// A parameter of the query or the form.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Parameter {
    pub(crate) name: &'static str,
    /// Whether it must always be sent; some others must be sent together, or where an order's type wants them.
    pub(crate) required: bool,
    pub(crate) kind: Kind,
}

/// What it looks like.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    Text,
    Decimal,
    Integer,
    Time,
    Flag,
    Words(&'static [&'static str]),
}

const fn optional(name: &'static str, kind: Kind) -> Parameter {
    Parameter { name, required: false, kind }
}

const fn required(name: &'static str, kind: Kind) -> Parameter {
    Parameter { name, required: true, kind }
}

/// Taken by every endpoint.
pub(crate) const MIN_SEQUENCE: Parameter = optional("minSequence", Kind::Integer);

/// Taken by every endpoint that is signed.
pub(crate) const SIGNED: &[Parameter] =
    &[required("timestamp", Kind::Time), required("signature", Kind::Text), optional("recvWindow", Kind::Decimal)];

const SYMBOL: Parameter = required("symbol", Kind::Text);
const ONE_SYMBOL: Parameter = optional("symbol", Kind::Text);
const ASSET: Parameter = optional("asset", Kind::Text);
const INTERVAL: Parameter = optional("interval", Kind::Text);
const SYMBOLS: Parameter = optional("symbols", Kind::Text);
const SYMBOL_STATUS: Parameter = optional("symbolStatus", Kind::Words(&["TRADING", "HALT", "BREAK"]));
const LIMIT: Parameter = optional("limit", Kind::Integer);
const FROM_ID: Parameter = optional("fromId", Kind::Integer);
const FROM_SEQUENCE: Parameter = optional("fromSequence", Kind::Integer);
const FROM: Parameter = optional("startTime", Kind::Time);
const TO: Parameter = optional("endTime", Kind::Time);
const ORDER_ID: Parameter = optional("orderId", Kind::Integer);
const CLIENT_ID: Parameter = optional("origClientOrderId", Kind::Text);
const NEW_CLIENT_ID: Parameter = optional("newClientOrderId", Kind::Text);
const USER: Parameter = optional("userId", Kind::Integer);
const RESTRICTIONS: Parameter = optional("cancelRestrictions", Kind::Words(&["ONLY_NEW", "ONLY_PARTIALLY_FILLED"]));

/// Which board, and what of it.
const BOARD: &[Parameter] = &[
    ONE_SYMBOL,
    ASSET,
    optional("period", Kind::Words(&["day", "week", "all"])),
    optional("by", Kind::Words(&["volume", "realised"])),
    optional("time", Kind::Time),
    optional("fromRank", Kind::Integer),
    LIMIT,
];

/// What an order is.
macro_rules! order_and {
    ($($more:expr),* $(,)?) => {
        const { &[
            SYMBOL,
            required("side", Kind::Words(&["BUY", "SELL"])),
            required("type", Kind::Words(&["LIMIT", "LIMIT_MAKER", "MARKET"])),
            optional("timeInForce", Kind::Words(&["GTC", "IOC", "FOK"])),
            optional("quantity", Kind::Decimal),
            optional("quoteOrderQty", Kind::Decimal),
            optional("price", Kind::Decimal),
            NEW_CLIENT_ID,
            optional("newOrderRespType", Kind::Words(&["ACK", "RESULT", "FULL"])),
            optional("selfTradePreventionMode", Kind::Words(&["NONE"])),
            optional("strategyId", Kind::Integer),
            optional("strategyType", Kind::Integer),
            $($more),*
        ] }
    };
}

/// All but those that every endpoint takes.
pub(crate) fn parameters_of(endpoint: Endpoint) -> &'static [Parameter] {
    match endpoint {
        Endpoint::Ping
        | Endpoint::Time
        | Endpoint::Status
        | Endpoint::OpenApi
        | Endpoint::Shards
        | Endpoint::AcceptClock
        | Endpoint::Admin(_) => &[],
        Endpoint::ExchangeInfo => {
            const {
                &[
                    ONE_SYMBOL,
                    SYMBOLS,
                    SYMBOL_STATUS,
                    optional("permissions", Kind::Text),
                    optional("showPermissionSets", Kind::Flag),
                ]
            }
        }
        Endpoint::Depth | Endpoint::Trades => &[SYMBOL, LIMIT],
        Endpoint::HistoricalTrades => &[SYMBOL, FROM_ID, LIMIT],
        Endpoint::AggregateTrades => &[SYMBOL, FROM_ID, FROM, TO, LIMIT],
        Endpoint::AveragePrice | Endpoint::CancelOpenOrders | Endpoint::Commission => &[SYMBOL],
        Endpoint::Klines => {
            const { &[SYMBOL, required("interval", Kind::Text), FROM, TO, optional("timeZone", Kind::Text), LIMIT] }
        }
        Endpoint::BookTicker | Endpoint::PriceTicker => &[ONE_SYMBOL, SYMBOLS, SYMBOL_STATUS],
        Endpoint::DayTicker => {
            const { &[ONE_SYMBOL, SYMBOLS, SYMBOL_STATUS, optional("type", Kind::Words(&["FULL", "MINI"]))] }
        }
        Endpoint::PlaceOrder => order_and!(),
        Endpoint::TestOrder => order_and!(optional("computeCommissionRates", Kind::Flag)),
        Endpoint::ReplaceOrder => order_and!(
            required("cancelReplaceMode", Kind::Words(&["STOP_ON_FAILURE", "ALLOW_FAILURE"])),
            optional("cancelOrderId", Kind::Integer),
            optional("cancelOrigClientOrderId", Kind::Text),
            optional("cancelNewClientOrderId", Kind::Text),
            RESTRICTIONS,
            optional("orderRateLimitExceededMode", Kind::Words(&["DO_NOTHING", "CANCEL_ONLY"])),
        ),
        Endpoint::QueryOrder => &[SYMBOL, ORDER_ID, CLIENT_ID],
        Endpoint::CancelOrder => &[SYMBOL, ORDER_ID, CLIENT_ID, NEW_CLIENT_ID, RESTRICTIONS],
        Endpoint::AmendOrder => {
            const { &[SYMBOL, ORDER_ID, CLIENT_ID, required("newQty", Kind::Decimal), NEW_CLIENT_ID] }
        }
        Endpoint::OpenOrders => &[ONE_SYMBOL],
        Endpoint::AllOrders => &[SYMBOL, ORDER_ID, FROM, TO, LIMIT],
        Endpoint::MyTrades => &[SYMBOL, ORDER_ID, FROM, TO, FROM_ID, LIMIT],
        Endpoint::Account => const { &[optional("omitZeroBalances", Kind::Flag)] },
        Endpoint::Moves => &[ONE_SYMBOL, USER],
        Endpoint::ShardSubjects => const { &[required("shard", Kind::Text), LIMIT] },
        Endpoint::Positions => &[USER, ONE_SYMBOL],
        Endpoint::PositionHistory => const { &[USER, SYMBOL, INTERVAL, FROM, TO, LIMIT] },
        Endpoint::MarketSnapshots => &[SYMBOL, INTERVAL, FROM, TO, LIMIT],
        Endpoint::Leaderboards => BOARD,
        Endpoint::Analytics => &[ONE_SYMBOL, ASSET, INTERVAL, FROM, TO, LIMIT],
        Endpoint::Audit => const { &[USER, optional("action", Kind::Text), FROM_SEQUENCE, FROM, TO, LIMIT] },
        Endpoint::Ledger => &[USER, FROM_SEQUENCE, FROM, TO, LIMIT],
        Endpoint::Executions => const { &[USER, optional("from", Kind::Integer), LIMIT] },
    }
}
