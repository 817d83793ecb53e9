//! A slow, obvious exchange: `docs/rules.md` as code, section by section.
//!
//! Its whole memory is one [`State`], plain lists in canonical order; everything is found by looking through them. So what it
//! answers can be read off the rules, and its state can be compared with the engine's as it is.

mod requests;
mod opening;
mod shards;
mod account;
mod orders;
mod changes;
mod matching;
mod money;
mod closed_ids;
mod positions;

use domain::command::{Action, Command, Sequenced};
use domain::event::{BalanceChanged, Event, Noted, PositionChanged, Refused, RefusedPart};
use domain::ids::{AssetId, ExecutionNumber, SymbolId, UserId};
use domain::reject::RejectReason;
use domain::state::{State, SymbolState, UserState};

/// The exchange.
#[derive(Debug, Clone)]
pub struct Model {
    state: State,
}

/// What a command has done so far.
#[derive(Debug, Default)]
struct Outcome {
    /// In the order they happened.
    facts: Vec<Event>,
    /// In the order first touched.
    balances: Vec<(UserId, AssetId)>,
    /// In the order first touched.
    positions: Vec<(UserId, SymbolId)>,
}

impl Model {
    /// The exchange before its first command: the venue is its only user.
    pub fn new(cell: u64) -> Self {
        let venue = UserState { fees: None, killed: false, last_execution: ExecutionNumber(0) };
        Self { state: State { cell, users: vec![venue], ..State::default() } }
    }

    /// The exchange in this state, which is taken as it is.
    pub fn from_state(state: &State) -> Self {
        Self { state: state.clone() }
    }

    /// The state now.
    pub fn state(&self) -> State {
        self.state.clone()
    }

    /// The state now, to look at.
    pub const fn as_state(&self) -> &State {
        &self.state
    }

    /// Carries out a command and appends its events.
    pub fn apply(&mut self, command: &Sequenced<Command>, events: &mut Vec<Event>) {
        assert_eq!(command.seq, self.state.seq.next(), "commands come in sequence");
        assert!(command.time >= self.state.time, "block time never goes back");
        self.state.seq = command.seq;
        self.state.time = command.time;
        self.forget_old_ids();

        let mut outcome = Outcome::default();
        if let Err(reason) = self.carry_out(&command.content, &mut outcome) {
            assert!(outcome.is_empty(), "a refusal changes nothing");
            outcome.facts.push(Event::Refused(Refused { part: RefusedPart::Whole, reason }));
        }
        events.append(&mut outcome.facts);
        for (user, asset) in outcome.balances {
            let balance = self.balance(user, asset);
            let (free, locked) = (balance.free, balance.locked);
            events.push(Event::BalanceChanged(BalanceChanged { user, asset, free, locked }));
        }
        for (user, symbol) in outcome.positions {
            let position = self.position(user, symbol);
            events.push(Event::PositionChanged(PositionChanged {
                user,
                symbol,
                quantity: position.quantity,
                cost: position.cost,
                realised: position.realised,
            }));
        }
    }

    fn carry_out(&mut self, command: &Command, outcome: &mut Outcome) -> Result<(), RejectReason> {
        let envelope = &command.envelope;
        if envelope.deadline.is_some_and(|deadline| self.state.time > deadline) {
            return Err(RejectReason::DeadlinePassed);
        }
        if !self.user_exists(envelope.user) {
            return Err(RejectReason::UnknownUser);
        }
        match &command.action {
            Action::PlaceOrder(place) => self.place_order(envelope, place, outcome),
            Action::CancelOrder(cancel) => self.cancel_order(envelope.user, cancel, outcome),
            Action::AmendOrder(amend) => self.amend_order(envelope.user, amend, outcome),
            Action::ReplaceOrder(replace) => self.replace_order(envelope, replace, outcome),
            Action::CancelAll(cancel) => self.cancel_all(envelope.user, *cancel, outcome),
            Action::Request(request) => self.request(envelope.user, request, outcome),
            Action::Note(_) => {
                outcome.facts.push(Event::Noted(Noted));
                Ok(())
            }
        }
    }

    fn user_exists(&self, user: UserId) -> bool {
        self.state.users.get(user.0 as usize).is_some()
    }

    fn user(&mut self, user: UserId) -> &mut UserState {
        &mut self.state.users[user.0 as usize]
    }

    fn symbol(&self, symbol: SymbolId) -> Result<SymbolState, RejectReason> {
        self.state.symbols.get(symbol.0 as usize).copied().ok_or(RejectReason::UnknownSymbol)
    }

    fn next_execution(&mut self, user: UserId) -> ExecutionNumber {
        let last = &mut self.user(user).last_execution;
        last.0 += 1;
        *last
    }
}

impl Outcome {
    fn is_empty(&self) -> bool {
        self.facts.is_empty() && self.balances.is_empty() && self.positions.is_empty()
    }

    fn touch_balance(&mut self, user: UserId, asset: AssetId) {
        if !self.balances.contains(&(user, asset)) {
            self.balances.push((user, asset));
        }
    }

    fn touch_position(&mut self, user: UserId, symbol: SymbolId) {
        if !self.positions.contains(&(user, symbol)) {
            self.positions.push((user, symbol));
        }
    }
}
