//! A store that has everything through some sequence, made of a read model that was never pruned.

use domain::command::{Command, Sequenced};
use domain::event::Event;
use std::collections::BTreeSet;

use domain::ids::{OrderId, SymbolId, UserId};
use domain::state::State;
use domain::text::ClientOrderId;
use domain::units::{Seq, UnixNanos};
use engine::Engine;
use projector::archive::{ArchiveHistory, AuditQuery, BucketsQuery};
use projector::buckets::{Bucket, Interval, Scope};
use projector::candle::Candle;
use projector::conformance::absent::Absent::Empty;
use projector::history::{
    FillsQuery, LedgerQuery, MinutesQuery, OrderHistory, OrderKey, OrdersQuery, Page, ReadError, Selection, TimeRange,
    TradeHistory, TradesQuery, last_holders,
};
use projector::rows::derived::{AnalyticsRow, KlineRow, LeaderboardRow, MarketSnapshotRow, PositionHistoryRow};
use projector::rows::{AuditRow, FillRow, LedgerRow, OrderRow, TradeRow};
use readmodel::limits::Limits;
use readmodel::model::ReadModel;
use sim::commands::{CELL, Profile, generate, sequenced};

/// Everything through the sequence of its model.
#[derive(Debug)]
pub(crate) struct Store {
    pub(crate) model: ReadModel,
    pub(crate) users: u32,
    /// Every name that an order ever had.
    pub(crate) names: BTreeSet<(UserId, ClientOrderId)>,
}

impl Store {
    pub(crate) fn at(venue: &Recorded, seq: Seq) -> Self {
        let model = ReadModel::new(&venue.empty, Limits::default());
        let mut names = BTreeSet::new();
        for (command, events) in venue.through(seq) {
            model.apply(command, events);
            for event in events {
                if let Event::OrderPlaced(placed) = event {
                    names.insert((placed.user, placed.client_order_id));
                }
                if let Event::OrderAmended(amended) = event {
                    names.insert((amended.user, amended.client_order_id));
                }
            }
        }
        let users = u32::try_from(model.users_count()).unwrap();
        Self { model, users, names }
    }

    /// Those that may have had the name last.
    fn named(&self, user: UserId, name: ClientOrderId) -> Vec<OrderRow> {
        let symbols = (0..u32::try_from(self.model.reference().symbols().len()).unwrap()).map(SymbolId);
        let all = Selection { first: None, time: TimeRange::default(), limit: usize::MAX };
        let of_symbol = |symbol| self.model.orders(&Empty, &OrdersQuery { user, symbol, selection: all }).unwrap();
        last_holders(symbols.flat_map(of_symbol).filter(|row| row.client_order_id == name).collect())
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
            OrderKey::Client(user, name) => return self.page(self.named(user, name)),
        };
        self.page(row.into_iter().collect())
    }
    fn orders(&self, query: &OrdersQuery) -> Result<Page<OrderRow>, ReadError> {
        self.page(self.model.orders(&Empty, query).unwrap())
    }
    fn fills(&self, query: &FillsQuery) -> Result<Page<FillRow>, ReadError> {
        self.page(self.model.fills(&Empty, query).unwrap())
    }
    fn fills_of_order(&self, order: OrderId) -> Result<Page<FillRow>, ReadError> {
        let row = self.order(OrderKey::Id(order))?.rows.into_iter().next();
        self.page(row.map(|row| self.model.fills_of_order(&Empty, &row).unwrap()).unwrap_or_default())
    }
    fn ledger(&self, query: &LedgerQuery) -> Result<Page<LedgerRow>, ReadError> {
        self.page(self.model.ledger(&Empty, query).unwrap())
    }
}

impl TradeHistory for Store {
    fn trades(&self, query: &TradesQuery) -> Result<Page<TradeRow>, ReadError> {
        self.page(self.model.trades(&Empty, query).unwrap())
    }
    fn minutes(&self, query: &MinutesQuery) -> Result<Page<Candle>, ReadError> {
        self.page(self.model.minutes(&Empty, query).unwrap())
    }
}

/// Minutes that were added up.
impl ArchiveHistory for Store {
    fn klines(&self, query: &BucketsQuery<SymbolId>) -> Result<Page<KlineRow>, ReadError> {
        assert_eq!(query.interval, Interval::MINUTE);
        let minutes = MinutesQuery { symbol: query.key, time: query.time, limit: query.limit };
        let last_seq = self.model.seq();
        let row = |candle: Candle| {
            let bucket = Interval::MINUTE.bucket(candle.open_time);
            KlineRow { bucket, symbol: query.key, candle, last_seq }
        };
        self.page(self.model.minutes(&Empty, &minutes).unwrap().into_iter().map(row).collect())
    }
    fn positions(&self, _: &BucketsQuery<(UserId, SymbolId)>) -> Result<Page<PositionHistoryRow>, ReadError> {
        unreachable!("not asked for here")
    }
    fn snapshots(&self, _: &BucketsQuery<SymbolId>, _: UnixNanos) -> Result<Page<MarketSnapshotRow>, ReadError> {
        unreachable!("not asked for here")
    }
    fn leaderboard(&self, _: Scope, _: Bucket) -> Result<Page<LeaderboardRow>, ReadError> {
        unreachable!("not asked for here")
    }
    fn analytics(&self, _: &BucketsQuery<Scope>) -> Result<Page<AnalyticsRow>, ReadError> {
        unreachable!("not asked for here")
    }
    fn audit(&self, _: &AuditQuery) -> Result<Page<AuditRow>, ReadError> {
        unreachable!("not asked for here")
    }
}

/// Commands of a seed and what the engine made of them.
#[derive(Debug)]
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
    let of = |seeds: std::ops::Range<u64>, profile| seeds.map(move |seed| (seed, profile));
    let seeds = of(0..12, Profile::Small).chain(of(100..104, Profile::Flow)).chain(of(200..204, Profile::Shards));
    seeds.map(move |(seed, profile)| (seed, Recorded::new(profile, seed, count)))
}
