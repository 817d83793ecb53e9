//! What changed of a row that an earlier batch wrote: a store writes the changed columns only.

use domain::ids::{KeyId, OrderId, SymbolId, UserId};
use domain::instrument::{Fees, SymbolLimits, SymbolStatus};
use domain::text::ClientOrderId;
use domain::units::{Amount, Lots, Seq, UnixNanos};

use crate::rows::{KeyRow, OrderRow, OrderStatus, SymbolRow, UserRow};

/// What changed of an order placed in an earlier batch. What is absent stayed as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrderChange {
    /// Which order.
    pub order: OrderId,
    /// Whose it is: never changes.
    pub user: UserId,
    /// What it trades: never changes.
    pub symbol: SymbolId,
    /// Where it is in its life now.
    pub status: OrderStatus,
    /// How much of it is filled by now.
    pub executed: Option<Executed>,
    /// What its owner made of it.
    pub amended: Option<Amended>,
    /// Sequence of the last command that changed it.
    pub last_seq: Seq,
    /// Block time of that command.
    pub updated_time: UnixNanos,
}

/// How much of an order is filled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Executed {
    /// How much.
    pub quantity: Lots,
    /// What it cost, in quote minor units.
    pub quote: Amount,
}

/// What an amendment made of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Amended {
    /// Its whole quantity now.
    pub quantity: Lots,
    /// The caller's name for it now.
    pub client_order_id: ClientOrderId,
}

impl OrderChange {
    /// This change, and then a later one of the same order.
    pub(crate) fn and_then(&mut self, later: &Self) {
        debug_assert_eq!(self.order, later.order, "the change of another order");
        let (executed, amended) = (later.executed.or(self.executed), later.amended.or(self.amended));
        *self = Self { executed, amended, ..*later };
    }
}

impl OrderRow {
    /// The row as it is after the change.
    pub fn change(&mut self, change: &OrderChange) {
        debug_assert_eq!(self.order, change.order, "the change of another order");
        self.status = change.status;
        if let Some(executed) = change.executed {
            self.executed = executed.quantity;
            self.executed_quote = executed.quote;
        }
        if let Some(amended) = change.amended {
            self.quantity = Some(amended.quantity);
            self.client_order_id = amended.client_order_id;
        }
        self.last_seq = change.last_seq;
        self.updated_time = change.updated_time;
    }
}

/// What changed of a symbol listed in an earlier batch. What is absent stayed as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SymbolChange {
    /// Which symbol.
    pub symbol: SymbolId,
    /// Whether it takes orders now.
    pub status: Option<SymbolStatus>,
    /// What its orders may be now.
    pub limits: Option<SymbolLimits>,
    /// Its fees now.
    pub fees: Option<Fees>,
    /// Sequence of the last command that changed it.
    pub last_seq: Seq,
}

impl SymbolChange {
    /// A change of nothing.
    pub(crate) const fn none(symbol: SymbolId, last_seq: Seq) -> Self {
        Self { symbol, status: None, limits: None, fees: None, last_seq }
    }

    /// This change, and then a later one of the same symbol.
    pub(crate) fn and_then(&mut self, later: &Self) {
        debug_assert_eq!(self.symbol, later.symbol, "the change of another symbol");
        let (status, limits, fees) =
            (later.status.or(self.status), later.limits.or(self.limits), later.fees.or(self.fees));
        *self = Self { status, limits, fees, ..*later };
    }
}

impl SymbolRow {
    /// The row as it is after the change.
    pub fn change(&mut self, change: &SymbolChange) {
        debug_assert_eq!(self.instrument.id(), change.symbol, "the change of another symbol");
        self.status = change.status.unwrap_or(self.status);
        self.limits = change.limits.unwrap_or(self.limits);
        self.fees = change.fees.unwrap_or(self.fees);
        self.last_seq = change.last_seq;
    }
}

/// What changed of a user known from an earlier batch. What is absent stayed as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UserChange {
    /// Which user.
    pub user: UserId,
    /// Their own fees now; absent inside: those of the symbol.
    pub fees: Option<Option<Fees>>,
    /// Whether their kill switch is engaged now.
    pub killed: Option<bool>,
    /// Sequence of the last command that changed it.
    pub last_seq: Seq,
}

impl UserChange {
    /// A change of nothing.
    pub(crate) const fn none(user: UserId, last_seq: Seq) -> Self {
        Self { user, fees: None, killed: None, last_seq }
    }

    /// This change, and then a later one of the same user.
    pub(crate) fn and_then(&mut self, later: &Self) {
        debug_assert_eq!(self.user, later.user, "the change of another user");
        *self = Self { fees: later.fees.or(self.fees), killed: later.killed.or(self.killed), ..*later };
    }
}

impl UserRow {
    /// The row as it is after the change.
    pub fn change(&mut self, change: &UserChange) {
        debug_assert_eq!(self.user, change.user, "the change of another user");
        self.fees = change.fees.unwrap_or(self.fees);
        self.killed = change.killed.unwrap_or(self.killed);
        self.last_seq = change.last_seq;
    }
}

/// A key issued in an earlier batch was revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyRevoked {
    /// Which key.
    pub key: KeyId,
    /// Sequence of the command that revoked it.
    pub last_seq: Seq,
}

impl KeyRow {
    /// The row as it is after the revocation.
    pub fn revoke(&mut self, revoked: &KeyRevoked) {
        debug_assert_eq!(self.key, revoked.key, "the revocation of another key");
        self.revoked = true;
        self.last_seq = revoked.last_seq;
    }
}
