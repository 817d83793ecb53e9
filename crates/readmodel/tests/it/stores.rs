//! A store that has everything through some sequence, made of a read model that was never pruned.

use domain::command::{Command, Sequenced};
use domain::event::Event;
use domain::ids::{OrderId, UserId};
use domain::state::State;
use domain::units::Seq;
use engine::Engine;
use projector::candle::Candle;
use projector::history::{
    FillsQuery, LedgerQuery, MinutesQuery, OrderHistory, OrderKey, OrdersQuery, Page, ReadError, TradeHistory,
    TradesQuery,
};
use projector::rows::{FillRow, LedgerRow, OrderRow, TradeRow};
use readmodel::limits::Limits;
use readmodel::model::ReadModel;
use sim::commands::{CELL, Profile, generate, sequenced};

/// Nothing stored: all answers come from memory.
#[derive(Debug)]
pub(crate) struct Nothing;

#[expect(clippy::unnecessary_wraps, reason = "all of the trait's answers are results")]
fn nothing<T>() -> Result<Page<T>, ReadError> {
    Ok(Page { through: Seq::ZERO, rows: Vec::new() })
}

impl OrderHistory for Nothing {
    fn order(&self, _: OrderKey) -> Result<Page<OrderRow>, ReadError> {
        nothing()
    }
    fn orders(&self, _: &OrdersQuery) -> Result<Page<OrderRow>, ReadError> {
        nothing()
    }
    fn fills(&self, _: &FillsQuery) -> Result<Page<FillRow>, ReadError> {
        nothing()
    }
    fn fills_of_order(&self, _: OrderId) -> Result<Page<FillRow>, ReadError> {
        nothing()
    }
    fn ledger(&self, _: &LedgerQuery) -> Result<Page<LedgerRow>, ReadError> {
        nothing()
    }
}

impl TradeHistory for Nothing {
    fn trades(&self, _: &TradesQuery) -> Result<Page<TradeRow>, ReadError> {
        nothing()
    }
    fn minutes(&self, _: &MinutesQuery) -> Result<Page<Candle>, ReadError> {
        nothing()
    }
}

/// Everything through the sequence of its model.
#[derive(Debug)]
pub(crate) struct Store {
    pub(crate) model: ReadModel,
    pub(crate) users: u32,
}

impl Store {
    pub(crate) fn at(venue: &Recorded, seq: Seq) -> Self {
        let model = ReadModel::new(&venue.empty, Limits::default());
        for (command, events) in venue.through(seq) {
            model.apply(command, events);
        }
        let users = u32::try_from(model.users_count()).unwrap();
        Self { model, users }
    }

    #[expect(clippy::unnecessary_wraps, reason = "all of the trait's answers are results")]
    fn page<T>(&self, rows: Vec<T>) -> Result<Page<T>, ReadError> {
        Ok(Page { through: self.model.seq(), rows })
    }
}

impl OrderHistory for Store {
    fn order(&self, key: OrderKey) -> Result<Page<OrderRow>, ReadError> {
        let row = match key {
            OrderKey::Id(_) => (0..self.users).find_map(|user| self.model.recent_order(UserId(user), key)),
            OrderKey::Client(user, _) => self.model.recent_order(user, key),
        };
        self.page(row.into_iter().collect())
    }
    fn orders(&self, query: &OrdersQuery) -> Result<Page<OrderRow>, ReadError> {
        self.page(self.model.orders(&Nothing, query).unwrap())
    }
    fn fills(&self, query: &FillsQuery) -> Result<Page<FillRow>, ReadError> {
        self.page(self.model.fills(&Nothing, query).unwrap())
    }
    fn fills_of_order(&self, order: OrderId) -> Result<Page<FillRow>, ReadError> {
        let row = self.order(OrderKey::Id(order))?.rows.into_iter().next();
        self.page(row.map(|row| self.model.fills_of_order(&Nothing, &row).unwrap()).unwrap_or_default())
    }
    fn ledger(&self, query: &LedgerQuery) -> Result<Page<LedgerRow>, ReadError> {
        self.page(self.model.ledger(&Nothing, query).unwrap())
    }
}

impl TradeHistory for Store {
    fn trades(&self, query: &TradesQuery) -> Result<Page<TradeRow>, ReadError> {
        self.page(self.model.trades(&Nothing, query).unwrap())
    }
    fn minutes(&self, query: &MinutesQuery) -> Result<Page<Candle>, ReadError> {
        self.page(self.model.minutes(&Nothing, query).unwrap())
    }
}

/// Commands of a seed and what the engine made of them.
pub(crate) struct Recorded {
    pub(crate) empty: State,
    pub(crate) commands: Vec<(Sequenced<Command>, Vec<Event>)>,
}

impl Recorded {
    pub(crate) fn new(profile: Profile, seed: u64, count: usize) -> Self {
        let mut engine = Engine::new(CELL);
        let empty = engine.state();
        let commands = sequenced(&generate(profile, seed, count))
            .map(|command| {
                let mut events = Vec::new();
                engine.apply(&command, &mut events);
                (command, events)
            })
            .collect();
        Self { empty, commands }
    }

    pub(crate) fn through(&self, seq: Seq) -> &[(Sequenced<Command>, Vec<Event>)] {
        &self.commands[..usize::try_from(seq.0).unwrap()]
    }

    pub(crate) fn after(&self, seq: Seq) -> &[(Sequenced<Command>, Vec<Event>)] {
        &self.commands[usize::try_from(seq.0).unwrap()..]
    }

    pub(crate) fn last(&self) -> Seq {
        Seq(u64::try_from(self.commands.len()).unwrap())
    }

    pub(crate) fn state_at(&self, seq: Seq) -> State {
        let mut engine = Engine::new(CELL);
        for (command, _) in self.through(seq) {
            engine.apply(command, &mut Vec::new());
        }
        engine.state()
    }
}

/// Seeds that every test runs, with the profile of each.
pub(crate) fn recordings(count: usize) -> impl Iterator<Item = (u64, Recorded)> {
    let seeds = (0..12).map(|seed| (seed, Profile::Small)).chain((100..104).map(|seed| (seed, Profile::Flow)));
    seeds.map(move |(seed, profile)| (seed, Recorded::new(profile, seed, count)))
}
