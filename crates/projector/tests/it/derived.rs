//! Derived rows against what a slow look at the states of the exchange gives; and folds that go on from a state.

use std::collections::{BTreeMap, BTreeSet};

use domain::command::{Command, Sequenced};
use domain::event::Event;
use domain::ids::{AssetId, Checkpoint, SymbolId, UserId};
use domain::order::Side;
use domain::state::State;
use domain::units::{Amount, Lots, Seq, UnixNanos, mul_div};
use projector::batch::Stream;
use projector::block::CommittedBlock;
use projector::book::Level;
use projector::buckets::{Bucket, Interval, Scope};
use projector::conformance::{self, Blocks, SETTINGS};
use projector::fold::{Projector, PushError};
use projector::follower::{Follower, Source, SourceError, Step, Stop};
use projector::memory::MemoryStore;
use projector::rows::derived::{KlineRow, LeaderboardRow, MarketSnapshotRow, PositionHistoryRow};
use projector::share::Share;
use projector::store::{Divergence, Outcome, ReadStream, Store, StoredRow};
use sim::commands::{CELL, Profile, generate, sequenced};
use sim::model::Model;

/// A history with the state after each command, the first of them before any.
struct Told {
    commands: Vec<(Sequenced<Command>, Vec<Event>)>,
    states: Vec<State>,
    blocks: Vec<CommittedBlock>,
}

fn tell(profile: Profile, seed: u64, count: usize) -> Told {
    let mut model = Model::new(CELL);
    let commands: Vec<_> = sequenced(&generate(profile, seed, count)).collect();
    let (mut states, mut told) = (vec![model.state()], Vec::new());
    let blocks = conformance::blocks(&commands, |command, events| {
        model.apply(command, events);
        states.push(model.state());
        told.push((command.clone(), events.clone()));
    });
    Told { commands: told, states, blocks }
}

/// A fold that was not told what was before says so: what it would write would be wrong, and a panic would end the venue.
#[test]
fn what_begins_in_the_middle_and_knows_nothing_of_before_is_an_error() {
    let told = tell(Profile::Flow, 3, 500);
    let middle = told.blocks.len() / 2;
    let checkpoint = told.blocks[middle - 1].info().checkpoint();
    let streams = Stream::ALL.into_iter().filter(|stream| stream.needs_state());
    for stream in streams {
        let mut projector = Projector::new(stream, checkpoint, checkpoint.epoch, &SETTINGS);
        let mut pushed = told.blocks[middle..].iter().map(|block| projector.push(block, &mut Share::whole()));
        let Some(Err(error @ PushError::Unknown { seq, .. })) = pushed.find(Result::is_err) else {
            panic!("{stream:?} went on");
        };
        assert!(seq > checkpoint.seq);
        assert!(error.to_string().starts_with(&format!("the command {} cannot be summed up: ", seq.0)), "{error}");
    }
}

fn rows(told: &Told, stream: Stream) -> Vec<StoredRow> {
    let mut store = MemoryStore::default();
    let batch = conformance::batch(stream, &told.blocks, 0, told.blocks.len());
    assert_eq!(store.commit(&batch), Outcome::Committed);
    read(&mut store, stream)
}

fn read(store: &mut MemoryStore, stream: Stream) -> Vec<StoredRow> {
    let mut rows = Vec::new();
    store.read_stream(stream, &mut |row| rows.push(row)).unwrap();
    rows
}

fn each_history(check: impl Fn(&Told)) {
    for seed in 0..5 {
        for profile in [Profile::Small, Profile::Flow] {
            println!("seed {seed} {profile:?}");
            check(&tell(profile, seed, 500));
        }
    }
}

#[test]
fn market_snapshots_show_the_book_as_its_last_change_in_a_bucket_left_it() {
    each_history(|told| {
        let mut expected: BTreeMap<(SymbolId, Bucket), MarketSnapshotRow> = BTreeMap::new();
        for ((command, events), state) in told.commands.iter().zip(&told.states[1..]) {
            let bucket = SETTINGS.snapshots.bucket(command.time);
            let touched: BTreeSet<SymbolId> = events.iter().filter_map(touched).collect();
            for symbol in touched {
                let row = expected.entry((symbol, bucket)).or_insert_with(|| empty_snapshot(symbol, bucket));
                let of = state.symbols.iter().find(|of| of.instrument.id() == symbol).unwrap();
                (row.time, row.last_seq, row.last_price) = (command.time, command.seq, of.last_price);
                (row.bids, row.asks) = (levels(state, symbol, Side::Buy), levels(state, symbol, Side::Sell));
                for event in events {
                    if let Event::Trade(trade) = event
                        && trade.symbol == symbol
                    {
                        row.trades += 1;
                        row.volume += u128::from(trade.quantity.0);
                        row.quote_volume = row.quote_volume.bounded_add(trade.quote);
                    }
                }
            }
        }
        let found = rows(told, Stream::MarketSnapshots);
        let expected: Vec<_> = expected.into_values().map(StoredRow::MarketSnapshot).collect();
        assert!(expected.len() > 5);
        assert_eq!(found, expected);
    });
}

/// Market orders that find nothing change no market.
fn touched(event: &Event) -> Option<SymbolId> {
    match event {
        Event::OrderPlaced(placed) => {
            matches!(placed.kind, domain::order::OrderKind::Limit { .. }).then_some(placed.symbol)
        }
        Event::Trade(trade) => Some(trade.symbol),
        Event::OrderAmended(amended) => Some(amended.symbol),
        Event::OrderClosed(closed) => Some(closed.symbol),
        _ => None,
    }
}

fn empty_snapshot(symbol: SymbolId, bucket: Bucket) -> MarketSnapshotRow {
    let expires_at = bucket.end().unwrap().plus(SETTINGS.snapshot_ttl_ns);
    let (volume, quote_volume, last_seq, time) = (0, Amount::ZERO, Seq::ZERO, UnixNanos(0));
    let (bids, asks, trades) = (Vec::new(), Vec::new(), 0);
    MarketSnapshotRow {
        bucket,
        symbol,
        time,
        last_price: None,
        bids,
        asks,
        trades,
        volume,
        quote_volume,
        expires_at,
        last_seq,
    }
}

fn levels(state: &State, symbol: SymbolId, side: Side) -> Vec<Level> {
    let mut levels: Vec<Level> = Vec::new();
    // A state has the orders of a side best first.
    for order in state.orders.iter().filter(|order| order.symbol == symbol && order.side == side) {
        let lots = u128::from(order.quantity.0 - order.executed.0);
        match levels.last_mut().filter(|level| level.price == order.price) {
            Some(level) => level.lots += lots,
            None => levels.push(Level { price: order.price, lots }),
        }
    }
    levels.truncate(SETTINGS.snapshot_levels);
    levels
}

#[test]
fn positions_are_kept_as_they_were_at_the_end_of_each_bucket() {
    each_history(|told| {
        let mut expected = BTreeMap::new();
        for interval in [SETTINGS.positions, Interval::DAY] {
            history_of(told, interval, &mut expected);
        }
        let found = rows(told, Stream::HistoricalPositions);
        let expected: Vec<_> = expected.into_values().map(StoredRow::PositionHistory).collect();
        assert!(expected.len() > 10);
        assert_eq!(found, expected);
    });
}

type PositionKey = (Bucket, UserId, SymbolId);

fn history_of(told: &Told, interval: Interval, rows: &mut BTreeMap<PositionKey, PositionHistoryRow>) {
    let mut before: Option<Bucket> = None;
    for (index, (command, events)) in told.commands.iter().enumerate() {
        let bucket = interval.bucket(command.time);
        if let Some(over) = before.replace(bucket).filter(|before| *before != bucket) {
            let state = &told.states[index];
            for position in &state.positions {
                let key = (over, position.user, position.symbol);
                if !position.quantity.is_zero() || rows.contains_key(&key) {
                    rows.insert(key, position_row(state, key, true, command.seq));
                }
            }
        }
        for event in events {
            if let Event::PositionChanged(changed) = event {
                let key = (bucket, changed.user, changed.symbol);
                rows.insert(key, position_row(&told.states[index + 1], key, false, command.seq));
            }
        }
    }
}

fn position_row(state: &State, key: PositionKey, closed: bool, last_seq: Seq) -> PositionHistoryRow {
    let (bucket, user, symbol) = key;
    let position = state.positions.iter().find(|at| (at.user, at.symbol) == (user, symbol)).unwrap();
    let of = state.symbols.iter().find(|of| of.instrument.id() == symbol).unwrap();
    let value = of.last_price.and_then(|price| {
        let (per_lot, lot) = (of.instrument.notional(price, Lots(1)).ok()?, of.instrument.base_amount(Lots(1)).ok()?);
        Amount::in_range(mul_div(position.quantity.0, per_lot.0, lot.0)?)
    });
    let unrealised = value.and_then(|value| value.checked_sub(position.cost));
    PositionHistoryRow {
        bucket,
        user,
        symbol,
        quantity: position.quantity,
        cost: position.cost,
        realised: position.realised,
        mark: of.last_price,
        unrealised,
        closed,
        last_seq,
    }
}

#[test]
fn boards_add_up_to_what_was_filled_and_earned() {
    each_history(|told| {
        let end = told.states.last().unwrap();
        let quote_of = |symbol: SymbolId| {
            end.symbols.iter().find(|of| of.instrument.id() == symbol).map(|of| of.instrument.quote()).unwrap()
        };
        let mut expected: BTreeMap<(Scope, Bucket, UserId), (Amount, Amount, u64)> = BTreeMap::new();
        for (index, (command, events)) in told.commands.iter().enumerate() {
            let buckets = [Interval::DAY, Interval::Week, Interval::Ever].map(|interval| interval.bucket(command.time));
            let mut add = |user: UserId, symbol: SymbolId, add: &dyn Fn(&mut (Amount, Amount, u64))| {
                for scope in [Scope::Asset(quote_of(symbol)), Scope::Symbol(symbol)] {
                    for bucket in buckets {
                        add(expected.entry((scope, bucket, user)).or_default());
                    }
                }
            };
            for event in events {
                if let Event::OrderFilled(fill) = event {
                    add(fill.user, fill.symbol, &|sums| {
                        sums.0 = sums.0.bounded_add(fill.quote);
                        sums.2 += 1;
                    });
                }
                if let Event::PositionChanged(changed) = event {
                    let held = told.states[index].positions.iter();
                    let before = held
                        .filter(|at| (at.user, at.symbol) == (changed.user, changed.symbol))
                        .map(|at| at.realised.0)
                        .sum::<i128>();
                    let earned = Amount(changed.realised.0 - before);
                    add(changed.user, changed.symbol, &|sums| sums.1 = sums.1.bounded_add(earned));
                }
            }
        }
        let mut found = BTreeMap::new();
        for row in rows(told, Stream::Leaderboards) {
            let StoredRow::Leaderboard(LeaderboardRow { bucket, scope, user, volume, realised, fills, .. }) = row
            else {
                panic!("another row")
            };
            found.insert((scope, bucket, user), (volume, realised, fills));
        }
        assert!(found.len() > 10);
        assert_eq!(found, expected);
    });
}

#[test]
fn every_trade_is_in_one_kline_of_each_interval() {
    each_history(|told| {
        let trades: Vec<_> = rows(told, Stream::Trades);
        for interval in projector::settings::KLINES {
            let mut expected: BTreeMap<(SymbolId, Bucket), projector::candle::Candle> = BTreeMap::new();
            for row in &trades {
                let StoredRow::Trade(trade) = row else { panic!("another row") };
                let bucket = interval.bucket(trade.time);
                let candle = projector::candle::Candle::of(bucket.start, trade);
                expected.entry((trade.symbol, bucket)).and_modify(|sum| sum.add(&candle)).or_insert(candle);
            }
            let mut found = BTreeMap::new();
            for row in rows(told, Stream::Klines) {
                let StoredRow::Kline(KlineRow { bucket, symbol, candle, .. }) = row else { panic!("another row") };
                if bucket.interval == interval {
                    found.insert((symbol, bucket), candle);
                }
            }
            assert_eq!(found, expected, "{interval:?}");
        }
    });
}

#[test]
fn analytics_count_each_user_once_and_each_fee_in_its_asset() {
    each_history(|told| {
        let mut users: BTreeMap<(Scope, Bucket), BTreeSet<UserId>> = BTreeMap::new();
        let mut fees: BTreeMap<(AssetId, Bucket), Amount> = BTreeMap::new();
        for (command, events) in &told.commands {
            for event in events {
                let Event::OrderFilled(fill) = event else { continue };
                for interval in projector::settings::ANALYTICS {
                    let bucket = interval.bucket(command.time);
                    for scope in [Scope::Venue, Scope::Symbol(fill.symbol)] {
                        users.entry((scope, bucket)).or_default().insert(fill.user);
                    }
                    let sum = fees.entry((fill.fee_asset, bucket)).or_default();
                    *sum = sum.bounded_add(fill.fee);
                }
            }
        }
        fees.retain(|_, fee| !fee.is_zero());
        let (mut counted, mut charged) = (0, BTreeMap::new());
        for row in rows(told, Stream::Analytics) {
            let StoredRow::Analytics(row) = row else { continue };
            if let Scope::Asset(asset) = row.scope {
                if !row.fees.is_zero() {
                    charged.insert((asset, row.bucket), row.fees);
                }
            } else {
                let active = users[&(row.scope, row.bucket)].len();
                assert_eq!(row.active_users, u64::try_from(active).unwrap(), "{row:?}");
                counted += 1;
            }
        }
        assert_eq!(counted, users.len());
        assert_eq!(charged, fees);
    });
}

/// Knows some states of the venue, as a venue with snapshots does.
struct WithStates<'a> {
    blocks: Blocks<'a>,
    states: Vec<State>,
}

impl Source for WithStates<'_> {
    fn seek(&mut self, checkpoint: &Checkpoint) -> Result<Option<UnixNanos>, SourceError> {
        self.blocks.seek(checkpoint)
    }
    fn state_before(&mut self, seq: Seq) -> Result<State, SourceError> {
        let state = self.states.iter().rev().find(|state| state.seq <= seq).cloned().unwrap_or_default();
        self.blocks.start_after(state.seq);
        Ok(state)
    }
    fn committed(&self) -> Seq {
        self.blocks.committed()
    }
    fn next(&mut self) -> Result<Option<&CommittedBlock>, SourceError> {
        self.blocks.next()
    }
}

#[test]
fn a_fold_goes_on_from_a_state_as_from_the_first_command() {
    each_history(|told| {
        let ends: Vec<Seq> = told.blocks.iter().map(|block| block.info().last).collect();
        // A state at the end of every fifth block.
        let states = told.states.iter().filter(|state| ends.iter().skip(3).step_by(5).any(|end| *end == state.seq));
        for stream in Stream::ALL.into_iter().filter(|stream| stream.is_derived()) {
            let mut store = MemoryStore::default();
            let mut source =
                WithStates { blocks: Blocks::new(&told.blocks), states: states.clone().cloned().collect() };
            let mut now = UnixNanos(0);
            // Another follower for every few blocks.
            while store.checkpoint(stream).unwrap().map(|at| at.seq) != ends.last().copied() {
                source.blocks.arrive(3);
                let mut follower =
                    Follower::new(stream, conformance::VENUE, domain::units::Epoch(2), Share::whole(), SETTINGS);
                loop {
                    match follower.step(now, &mut source, &mut store) {
                        Step::Committed(_) | Step::Resumed(_) => {}
                        Step::Wait(until) => now = until,
                        Step::Idle => break,
                        Step::Stopped => panic!("{:?}", follower.stopped()),
                    }
                }
            }
            assert_eq!(read(&mut store, stream), rows(told, stream), "{stream:?}");
        }
    });
}

/// The journal was restored to before an interrupted commit, and goes on otherwise: what is in its rows is not what comes next.
#[test]
fn rows_of_a_commit_that_the_journal_does_not_have_are_not_gone_on_from() {
    let told = tell(Profile::Flow, 3, 500);
    let middle = told.blocks.len() / 2;
    // The others write a row once its bucket is over.
    for stream in [Stream::Klines, Stream::Leaderboards, Stream::Analytics] {
        let mut store = MemoryStore::default();
        assert_eq!(store.commit(&conformance::batch(stream, &told.blocks, 0, middle)), Outcome::Committed);
        let later = conformance::batch(stream, &told.blocks, middle, told.blocks.len());
        let mut writes = 0;
        let follow = |store: &mut MemoryStore, blocks: usize| {
            let mut source = WithStates { blocks: Blocks::new(&told.blocks), states: Vec::new() };
            source.blocks.arrive(u64::try_from(blocks).unwrap());
            let mut follower =
                Follower::new(stream, conformance::VENUE, domain::units::Epoch(2_000), Share::whole(), SETTINGS);
            while follower.step(UnixNanos(u64::MAX >> 1), &mut source, store) != Step::Idle {
                if follower.stopped().is_some() {
                    break;
                }
            }
            follower.stopped().cloned()
        };
        // The interruption that leaves a row of an open bucket behind.
        let stopped = loop {
            writes += 1;
            store.interrupt_after(Some(writes));
            assert_ne!(store.commit(&later), Outcome::Committed, "{stream:?} leaves no row behind that is recalled");
            store.interrupt_after(None);
            if let Some(stopped) = follow(&mut store, middle) {
                break stopped;
            }
        };
        assert!(matches!(stopped, Stop::Diverged(Divergence::Ahead(_))), "{stream:?}: {stopped:?}");
        // Where the journal has them, they are completed.
        assert_eq!(follow(&mut store, told.blocks.len()), None);
        assert_eq!(read(&mut store, stream), rows(&told, stream), "{stream:?}");
    }
}
