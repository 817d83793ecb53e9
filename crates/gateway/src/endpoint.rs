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
    PositionHistory,
    MarketSnapshots,
    Leaderboards,
    Analytics,
    Audit,
    Ledger,
    Executions,
    Status,
    OpenApi,
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
    /// A key that may read anybody's account.
    Auditor,
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
            | Self::MarketSnapshots
            | Self::Status
            | Self::OpenApi => Security::Public,
            Self::QueryOrder
            | Self::OpenOrders
            | Self::AllOrders
            | Self::MyTrades
            | Self::Account
            | Self::Commission
            | Self::Leaderboards
            | Self::Analytics => Security::Read,
            Self::Positions | Self::PositionHistory | Self::Ledger | Self::Executions => Security::Audit,
            Self::Audit => Security::Auditor,
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
            Security::Public | Security::Read | Security::Audit | Security::Auditor => false,
            Security::Trade => self != Self::TestOrder,
            Security::Admin => !matches!(self, Self::Shards | Self::Moves | Self::ShardSubjects),
        }
    }

    /// Whether it shows something only to those who sign.
    pub(crate) fn reads_signed(self) -> bool {
        match self.security() {
            Security::Public | Security::Trade => false,
            Security::Read | Security::Audit | Security::Auditor => true,
            Security::Admin => !self.changes(),
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
            Self::Shards
            | Self::Depth
            | Self::Positions
            | Self::PositionHistory
            | Self::MarketSnapshots
            | Self::Leaderboards
            | Self::Analytics
            | Self::Audit
            | Self::Ledger
            | Self::Executions => 5,
            Self::Ping
            | Self::Time
            | Self::PlaceOrder
            | Self::TestOrder
            | Self::CancelOrder
            | Self::ReplaceOrder
            | Self::CancelOpenOrders
            | Self::Status
            | Self::OpenApi
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

/// A path, and what its methods are.
pub(crate) type Route = (&'static str, &'static [(Method, Endpoint)]);

/// Everything there is; what is asked for most comes first.
pub(crate) const ROUTES: &[Route] = &{
    use Endpoint as E;
    [
        (
            "/api/v3/order",
            &[(Method::POST, E::PlaceOrder), (Method::DELETE, E::CancelOrder), (Method::GET, E::QueryOrder)],
        ),
        ("/api/v3/order/test", &[(Method::POST, E::TestOrder)]),
        ("/api/v3/order/cancelReplace", &[(Method::POST, E::ReplaceOrder)]),
        ("/api/v3/order/amend/keepPriority", &[(Method::PUT, E::AmendOrder)]),
        ("/api/v3/openOrders", &[(Method::GET, E::OpenOrders), (Method::DELETE, E::CancelOpenOrders)]),
        ("/api/v3/allOrders", &[(Method::GET, E::AllOrders)]),
        ("/api/v3/myTrades", &[(Method::GET, E::MyTrades)]),
        ("/api/v3/account", &[(Method::GET, E::Account)]),
        ("/api/v3/account/commission", &[(Method::GET, E::Commission)]),
        ("/api/v3/ping", &[(Method::GET, E::Ping)]),
        ("/api/v3/time", &[(Method::GET, E::Time)]),
        ("/api/v3/exchangeInfo", &[(Method::GET, E::ExchangeInfo)]),
        ("/api/v3/depth", &[(Method::GET, E::Depth)]),
        ("/api/v3/trades", &[(Method::GET, E::Trades)]),
        ("/api/v3/historicalTrades", &[(Method::GET, E::HistoricalTrades)]),
        ("/api/v3/aggTrades", &[(Method::GET, E::AggregateTrades)]),
        ("/api/v3/avgPrice", &[(Method::GET, E::AveragePrice)]),
        ("/api/v3/klines", &[(Method::GET, E::Klines)]),
        ("/api/v3/uiKlines", &[(Method::GET, E::Klines)]),
        ("/api/v3/ticker/bookTicker", &[(Method::GET, E::BookTicker)]),
        ("/api/v3/ticker/price", &[(Method::GET, E::PriceTicker)]),
        ("/api/v3/ticker/24hr", &[(Method::GET, E::DayTicker)]),
        ("/v1/positions", &[(Method::GET, E::Positions)]),
        ("/v1/positions/history", &[(Method::GET, E::PositionHistory)]),
        ("/v1/market/snapshots", &[(Method::GET, E::MarketSnapshots)]),
        ("/v1/leaderboards", &[(Method::GET, E::Leaderboards)]),
        ("/v1/analytics", &[(Method::GET, E::Analytics)]),
        ("/v1/audit", &[(Method::GET, E::Audit)]),
        ("/v1/ledger", &[(Method::GET, E::Ledger)]),
        ("/v1/executions", &[(Method::GET, E::Executions)]),
        ("/v1/status", &[(Method::GET, E::Status)]),
        ("/v1/openapi.json", &[(Method::GET, E::OpenApi)]),
        ("/v1/admin/clock", &[(Method::POST, E::AcceptClock)]),
        ("/v1/admin/assets", &[(Method::POST, E::Admin(Admin::Assets))]),
        ("/v1/admin/symbols", &[(Method::POST, E::Admin(Admin::Symbols))]),
        ("/v1/admin/symbols/status", &[(Method::POST, E::Admin(Admin::SymbolStatus))]),
        ("/v1/admin/symbols/limits", &[(Method::POST, E::Admin(Admin::SymbolLimits))]),
        ("/v1/admin/users", &[(Method::POST, E::Admin(Admin::Users))]),
        ("/v1/admin/keys", &[(Method::POST, E::Admin(Admin::Keys))]),
        ("/v1/admin/keys/revoke", &[(Method::POST, E::Admin(Admin::RevokeKey))]),
        ("/v1/admin/deposits", &[(Method::POST, E::Admin(Admin::Deposits))]),
        ("/v1/admin/withdrawals", &[(Method::POST, E::Admin(Admin::Withdrawals))]),
        ("/v1/admin/withdrawals/settle", &[(Method::POST, E::Admin(Admin::SettleWithdrawal))]),
        ("/v1/admin/withdrawals/cancel", &[(Method::POST, E::Admin(Admin::CancelWithdrawal))]),
        ("/v1/admin/credit-limits", &[(Method::POST, E::Admin(Admin::CreditLimits))]),
        ("/v1/admin/fees/symbol", &[(Method::POST, E::Admin(Admin::SymbolFees))]),
        ("/v1/admin/fees/user", &[(Method::POST, E::Admin(Admin::UserFees))]),
        ("/v1/admin/shards", &[(Method::GET, E::Shards), (Method::POST, E::Admin(Admin::Shards))]),
        ("/v1/admin/shards/set", &[(Method::POST, E::Admin(Admin::SetShard))]),
        ("/v1/admin/shards/moves", &[(Method::GET, E::Moves), (Method::POST, E::Admin(Admin::BeginMove))]),
        ("/v1/admin/shards/subjects", &[(Method::GET, E::ShardSubjects)]),
        ("/v1/admin/shards/moves/abort", &[(Method::POST, E::Admin(Admin::AbortMove))]),
        ("/v1/admin/kill-switch", &[(Method::POST, E::Admin(Admin::KillSwitch))]),
    ]
};

/// The endpoint of a request.
pub(crate) fn find(method: &Method, path: &str) -> Result<Endpoint, NotFound> {
    let (_, methods) = ROUTES.iter().find(|(route, _)| *route == path).ok_or(NotFound::Path)?;
    methods.iter().find(|(one, _)| one == method).map(|(_, endpoint)| *endpoint).ok_or(NotFound::Method)
}

#[cfg(test)]
mod tests {
    use domain::text::PathText;

    use super::*;

    #[test]
    fn every_path_fits_a_note_of_access() {
        for (path, _) in ROUTES {
            assert!(PathText::new(path).is_ok(), "{path}");
        }
    }
}
