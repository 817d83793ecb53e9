//! What there is, and who may.

use axum::http::Method;

/// One method of one path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Endpoint {
    Ping,
    Time,
    ExchangeInfo,
    Depth,
    Trades,
    HistoricalTrades,
    AggregateTrades,
    AveragePrice,
    Klines,
    BookTicker,
    PriceTicker,
    DayTicker,
    PlaceOrder,
    TestOrder,
    QueryOrder,
    CancelOrder,
    ReplaceOrder,
    AmendOrder,
    OpenOrders,
    CancelOpenOrders,
    AllOrders,
    MyTrades,
    Account,
    Commission,
    Positions,
    Ledger,
    Executions,
    Status,
    Shards,
    AcceptClock,
    Moves,
    ShardSubjects,
    Admin(Admin),
}

/// One request of the administration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Admin {
    Shards,
    SetShard,
    Assets,
    Symbols,
    Users,
    Keys,
    RevokeKey,
    Deposits,
    Withdrawals,
    SettleWithdrawal,
    CancelWithdrawal,
    CreditLimits,
    SymbolFees,
    UserFees,
    SymbolStatus,
    SymbolLimits,
    KillSwitch,
    BeginMove,
    AbortMove,
}

/// Who may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Security {
    /// Anybody.
    Public,
    /// A key that may read its own account.
    Read,
    /// A key that may read its own account, or anybody's.
    Audit,
    /// A key that may trade.
    Trade,
    /// A key that may administer.
    Admin,
}

impl Endpoint {
    pub(crate) fn security(self) -> Security {
        match self {
            Self::Ping
            | Self::Time
            | Self::ExchangeInfo
            | Self::Depth
            | Self::Trades
            | Self::HistoricalTrades
            | Self::AggregateTrades
            | Self::AveragePrice
            | Self::Klines
            | Self::BookTicker
            | Self::PriceTicker
            | Self::DayTicker
            | Self::Status => Security::Public,
            Self::QueryOrder
            | Self::OpenOrders
            | Self::AllOrders
            | Self::MyTrades
            | Self::Account
            | Self::Commission => Security::Read,
            Self::Positions | Self::Ledger | Self::Executions => Security::Audit,
            Self::PlaceOrder
            | Self::TestOrder
            | Self::CancelOrder
            | Self::ReplaceOrder
            | Self::AmendOrder
            | Self::CancelOpenOrders => Security::Trade,
            Self::Shards | Self::AcceptClock | Self::Moves | Self::ShardSubjects | Self::Admin(_) => Security::Admin,
        }
    }

    /// Whether the venue is another after it: such a request is taken once.
    pub(crate) fn changes(self) -> bool {
        match self.security() {
            Security::Public | Security::Read | Security::Audit => false,
            Security::Trade => self != Self::TestOrder,
            Security::Admin => !matches!(self, Self::Shards | Self::Moves | Self::ShardSubjects),
        }
    }

    /// Whether it places an order: carried out twice under no name of the caller's, there would be two.
    pub(crate) fn places(self) -> bool {
        matches!(self, Self::PlaceOrder | Self::ReplaceOrder)
    }

    /// Request weight, as Binance counts where it has the endpoint.
    pub(crate) fn weight(self) -> u64 {
        match self {
            Self::ExchangeInfo | Self::AllOrders | Self::MyTrades | Self::Account | Self::Commission => 20,
            Self::Trades | Self::HistoricalTrades => 25,
            Self::QueryOrder | Self::AmendOrder | Self::AggregateTrades => 4,
            Self::OpenOrders => 6,
            Self::AveragePrice | Self::Klines | Self::BookTicker | Self::PriceTicker | Self::DayTicker => 2,
            Self::Shards | Self::Depth | Self::Positions | Self::Ledger | Self::Executions => 5,
            Self::Ping
            | Self::Time
            | Self::PlaceOrder
            | Self::TestOrder
            | Self::CancelOrder
            | Self::ReplaceOrder
            | Self::CancelOpenOrders
            | Self::Status
            | Self::AcceptClock
            | Self::Moves
            | Self::ShardSubjects
            | Self::Admin(_) => 1,
        }
    }
}

/// Whether a path is one of ours rather than of the dialect.
pub(crate) fn is_under_v1(path: &str) -> bool {
    path.starts_with("/v1/")
}

/// Why there is no endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotFound {
    /// There is no such path.
    Path,
    /// The path has other methods.
    Method,
}

/// The endpoint of a request.
pub(crate) fn find(method: &Method, path: &str) -> Result<Endpoint, NotFound> {
    let methods = methods(path);
    let missing = if methods.is_empty() { NotFound::Path } else { NotFound::Method };
    methods.iter().find(|(one, _)| one == method).map(|(_, endpoint)| *endpoint).ok_or(missing)
}

fn methods(path: &str) -> &'static [(Method, Endpoint)] {
    use Endpoint as E;
    match path {
        "/api/v3/order" => {
            &const { [(Method::POST, E::PlaceOrder), (Method::DELETE, E::CancelOrder), (Method::GET, E::QueryOrder)] }
        }
        "/api/v3/order/test" => &const { [(Method::POST, E::TestOrder)] },
        "/api/v3/order/cancelReplace" => &const { [(Method::POST, E::ReplaceOrder)] },
        "/api/v3/order/amend/keepPriority" => &const { [(Method::PUT, E::AmendOrder)] },
        "/api/v3/openOrders" => &const { [(Method::GET, E::OpenOrders), (Method::DELETE, E::CancelOpenOrders)] },
        "/api/v3/allOrders" => &const { [(Method::GET, E::AllOrders)] },
        "/api/v3/myTrades" => &const { [(Method::GET, E::MyTrades)] },
        "/api/v3/account" => &const { [(Method::GET, E::Account)] },
        "/api/v3/account/commission" => &const { [(Method::GET, E::Commission)] },
        "/api/v3/ping" => &const { [(Method::GET, E::Ping)] },
        "/api/v3/time" => &const { [(Method::GET, E::Time)] },
        "/api/v3/exchangeInfo" => &const { [(Method::GET, E::ExchangeInfo)] },
        "/api/v3/depth" => &const { [(Method::GET, E::Depth)] },
        "/api/v3/trades" => &const { [(Method::GET, E::Trades)] },
        "/api/v3/historicalTrades" => &const { [(Method::GET, E::HistoricalTrades)] },
        "/api/v3/aggTrades" => &const { [(Method::GET, E::AggregateTrades)] },
        "/api/v3/avgPrice" => &const { [(Method::GET, E::AveragePrice)] },
        "/api/v3/klines" | "/api/v3/uiKlines" => &const { [(Method::GET, E::Klines)] },
        "/api/v3/ticker/bookTicker" => &const { [(Method::GET, E::BookTicker)] },
        "/api/v3/ticker/price" => &const { [(Method::GET, E::PriceTicker)] },
        "/api/v3/ticker/24hr" => &const { [(Method::GET, E::DayTicker)] },
        "/v1/positions" => &const { [(Method::GET, E::Positions)] },
        "/v1/ledger" => &const { [(Method::GET, E::Ledger)] },
        "/v1/executions" => &const { [(Method::GET, E::Executions)] },
        "/v1/status" => &const { [(Method::GET, E::Status)] },
        "/v1/admin/clock" => &const { [(Method::POST, E::AcceptClock)] },
        "/v1/admin/shards" => &const { [(Method::GET, E::Shards), (Method::POST, E::Admin(Admin::Shards))] },
        "/v1/admin/shards/set" => &const { [(Method::POST, E::Admin(Admin::SetShard))] },
        "/v1/admin/assets" => &const { [(Method::POST, E::Admin(Admin::Assets))] },
        "/v1/admin/symbols" => &const { [(Method::POST, E::Admin(Admin::Symbols))] },
        "/v1/admin/symbols/status" => &const { [(Method::POST, E::Admin(Admin::SymbolStatus))] },
        "/v1/admin/symbols/limits" => &const { [(Method::POST, E::Admin(Admin::SymbolLimits))] },
        "/v1/admin/users" => &const { [(Method::POST, E::Admin(Admin::Users))] },
        "/v1/admin/keys" => &const { [(Method::POST, E::Admin(Admin::Keys))] },
        "/v1/admin/keys/revoke" => &const { [(Method::POST, E::Admin(Admin::RevokeKey))] },
        "/v1/admin/deposits" => &const { [(Method::POST, E::Admin(Admin::Deposits))] },
        "/v1/admin/withdrawals" => &const { [(Method::POST, E::Admin(Admin::Withdrawals))] },
        "/v1/admin/withdrawals/settle" => &const { [(Method::POST, E::Admin(Admin::SettleWithdrawal))] },
        "/v1/admin/withdrawals/cancel" => &const { [(Method::POST, E::Admin(Admin::CancelWithdrawal))] },
        "/v1/admin/credit-limits" => &const { [(Method::POST, E::Admin(Admin::CreditLimits))] },
        "/v1/admin/fees/symbol" => &const { [(Method::POST, E::Admin(Admin::SymbolFees))] },
        "/v1/admin/fees/user" => &const { [(Method::POST, E::Admin(Admin::UserFees))] },
        "/v1/admin/shards/moves" => &const { [(Method::GET, E::Moves), (Method::POST, E::Admin(Admin::BeginMove))] },
        "/v1/admin/shards/subjects" => &const { [(Method::GET, E::ShardSubjects)] },
        "/v1/admin/shards/moves/abort" => &const { [(Method::POST, E::Admin(Admin::AbortMove))] },
        "/v1/admin/kill-switch" => &const { [(Method::POST, E::Admin(Admin::KillSwitch))] },
        _ => &[],
    }
}
