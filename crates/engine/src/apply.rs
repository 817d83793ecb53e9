//! The engine's state and its one way in.

use std::collections::BTreeMap;

use domain::command::{Action, Command, Sequenced};
use domain::event::{Event, Noted, Refused, RefusedPart};
use domain::ids::{AssetId, KeyId, SymbolId, UserId, WithdrawalId};
use domain::instrument::{Fees, Instrument, SymbolLimits, SymbolStatus};
use domain::reject::RejectReason;
use domain::shard_map::ShardMap;
use domain::state::{AssetState, KeyState, WithdrawalState};
use domain::text::{ApiKeyText, AssetCode, SymbolCode};
use domain::units::{Seq, Ticks, UnixNanos};

use crate::accounts::Accounts;
use crate::names::NameHash;
use crate::orders::Orders;
use crate::requests::Requests;

/// A venue's whole trading state.
#[derive(Debug)]
pub struct Engine {
    pub(crate) seq: Seq,
    pub(crate) time: UnixNanos,
    pub(crate) cell: u64,
    pub(crate) last_order: u64,
    pub(crate) last_withdrawal: u64,
    pub(crate) killed: bool,
    pub(crate) assets: Vec<AssetState>,
    pub(crate) asset_codes: BTreeMap<AssetCode, AssetId>,
    pub(crate) symbols: Vec<Symbol>,
    pub(crate) symbol_codes: BTreeMap<SymbolCode, SymbolId>,
    pub(crate) keys: Vec<KeyState>,
    pub(crate) key_texts: BTreeMap<ApiKeyText, KeyId>,
    pub(crate) withdrawals: BTreeMap<WithdrawalId, WithdrawalState>,
    pub(crate) requests: Requests,
    pub(crate) shards: ShardMap,
    pub(crate) accounts: Accounts,
    pub(crate) orders: Orders,
}

/// A symbol. Its book is the one with the same index.
#[derive(Debug)]
pub(crate) struct Symbol {
    pub(crate) instrument: Instrument,
    pub(crate) status: SymbolStatus,
    pub(crate) limits: SymbolLimits,
    pub(crate) fees: Fees,
    pub(crate) last_price: Option<Ticks>,
    pub(crate) last_trade: u64,
}

impl Engine {
    /// The state before the first command: only the venue's own user. Order ids will carry `cell` (`0 .. CELLS_MAX`).
    pub fn new(cell: u64) -> Self {
        let mut accounts = Accounts::default();
        accounts.open_user();
        Self {
            seq: Seq::ZERO,
            time: UnixNanos(0),
            cell,
            last_order: 0,
            last_withdrawal: 0,
            killed: false,
            assets: Vec::new(),
            asset_codes: BTreeMap::new(),
            symbols: Vec::new(),
            symbol_codes: BTreeMap::new(),
            keys: Vec::new(),
            key_texts: BTreeMap::new(),
            withdrawals: BTreeMap::new(),
            requests: Requests::default(),
            shards: ShardMap::default(),
            accounts,
            orders: Orders::default(),
        }
    }

    /// Last command applied.
    pub const fn seq(&self) -> Seq {
        self.seq
    }

    /// Block time of the last command applied.
    pub const fn time(&self) -> UnixNanos {
        self.time
    }

    /// Open orders of the venue.
    pub fn open_orders(&self) -> usize {
        self.orders.books.len()
    }

    /// Applies the next command and appends its events, at least one.
    ///
    /// The command's sequence must be the next one and its time must not go back: both are the sequencer's duty, and a
    /// bug if not.
    pub fn apply(&mut self, command: &Sequenced<Command>, events: &mut Vec<Event>) {
        self.apply_named(command, None, events);
    }

    /// As [`Engine::apply`]; `name` is the hash of the name that the command looks up first (of the order it
    /// places, else of the one it is about), if it has been computed.
    pub(crate) fn apply_named(
        &mut self,
        command: &Sequenced<Command>,
        name: Option<NameHash>,
        events: &mut Vec<Event>,
    ) {
        assert!(command.seq == self.seq.next(), "commands are applied without a gap");
        assert!(command.time >= self.time, "block time never goes back");
        self.seq = command.seq;
        self.time = command.time;
        self.orders.forget_until(self.time);
        if let Err(reason) = self.run(&command.content, name, events) {
            events.push(Event::Refused(Refused { part: RefusedPart::Whole, reason }));
        }
        self.accounts.report_touched(events);
    }

    fn run(&mut self, command: &Command, name: Option<NameHash>, events: &mut Vec<Event>) -> Result<(), RejectReason> {
        let envelope = &command.envelope;
        if envelope.deadline.is_some_and(|deadline| self.time > deadline) {
            return Err(RejectReason::DeadlinePassed);
        }
        if !self.accounts.exists(envelope.user) {
            return Err(RejectReason::UnknownUser);
        }
        match &command.action {
            Action::PlaceOrder(order) => self.place_order(envelope, order, name, events),
            Action::CancelOrder(cancel) => self.cancel_order(envelope.user, cancel, name, events),
            Action::AmendOrder(amend) => self.amend_order(envelope.user, amend, name, events),
            Action::ReplaceOrder(replace) => self.replace_order(envelope, replace, events),
            Action::CancelAll(cancel) => self.cancel_all(envelope.user, *cancel, events),
            Action::Request(request) => self.request(envelope.user, request, events),
            Action::Note(_) => {
                events.push(Event::Noted(Noted));
                Ok(())
            }
        }
    }

    /// Refuses what may not add to the book now.
    pub(crate) fn check_trading(&self, user: UserId, symbol: usize) -> Result<(), RejectReason> {
        if self.killed {
            return Err(RejectReason::VenueKilled);
        }
        if self.accounts.user(user).killed {
            return Err(RejectReason::UserKilled);
        }
        match self.symbols[symbol].status {
            SymbolStatus::Trading => Ok(()),
            SymbolStatus::Halted => Err(RejectReason::SymbolHalted),
        }
    }

    /// Place of the symbol in `symbols`.
    pub(crate) fn symbol_index(&self, symbol: SymbolId) -> Result<usize, RejectReason> {
        let index = index_of(symbol.0);
        if index < self.symbols.len() { Ok(index) } else { Err(RejectReason::UnknownSymbol) }
    }
}

/// A 32-bit id as a place in a list.
pub(crate) fn index_of(id: u32) -> usize {
    usize::try_from(id).expect("a pointer has at least 32 bits")
}

/// A place in a list as a 32-bit id.
pub(crate) fn id_of(index: usize) -> u32 {
    u32::try_from(index).expect("lists are bounded below 2^32 by the limits")
}
