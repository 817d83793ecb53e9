//! The words our enums are written with, in every table and document; see also [`crate::audit`].

use domain::command::Transport;
use domain::command::note_access::{AccessKind, AccessMethod};
use domain::instrument::SymbolStatus;
use domain::order::{CloseReason, Liquidity, Side, TimeInForce};
use domain::shards::ShardStatus;

use crate::batch::Stream;
use crate::rows::WithdrawalStatus;

/// An enum that is stored as a word. The words are part of the stored format: they never change.
pub trait Word: Sized {
    /// The value as a word.
    fn word(self) -> &'static str;
    /// The value that is written so.
    fn of_word(word: &str) -> Option<Self>;
}

macro_rules! words {
    ($($name:ident { $($value:ident = $word:literal),+ $(,)? })+) => {$(
        impl Word for $name {
            fn word(self) -> &'static str {
                match self { $(Self::$value => $word),+ }
            }
            fn of_word(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$value),)+ _ => None }
            }
        }
    )+};
}

words! {
    Side { Buy = "buy", Sell = "sell" }
    TimeInForce {
        GoodTilCanceled = "good_til_canceled",
        PostOnly = "post_only",
        ImmediateOrCancel = "immediate_or_cancel",
        FillOrKill = "fill_or_kill",
    }
    CloseReason {
        Canceled = "canceled",
        Replaced = "replaced",
        KillSwitch = "kill_switch",
        NoLiquidity = "no_liquidity",
        NoFunds = "no_funds",
        FillLimit = "fill_limit",
    }
    Liquidity { Maker = "maker", Taker = "taker" }
    ShardStatus { Active = "active", Draining = "draining" }
    SymbolStatus { Trading = "trading", Halted = "halted" }
    AccessKind {
        BadSignature = "bad_signature",
        UnknownKey = "unknown_key",
        RevokedKey = "revoked_key",
        RoleMissing = "role_missing",
        Replayed = "replayed",
        Read = "read",
    }
    AccessMethod { Get = "GET", Post = "POST", Put = "PUT", Delete = "DELETE" }
    Transport { Internal = "internal", Rest = "rest" }
    WithdrawalStatus { Pending = "pending", Settled = "settled", Canceled = "canceled" }
    Stream {
        Reference = "reference",
        Symbols = "symbols",
        Users = "users",
        Trades = "trades",
        Audit = "audit",
        Klines = "klines",
        HistoricalPositions = "historical_positions",
        MarketSnapshots = "market_snapshots",
        Leaderboards = "leaderboards",
        Analytics = "analytics",
    }
}
