//! Ranges go: their rows are here or there at any time, whoever writes, reads, moves, dies or goes back meanwhile.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use domain::command::cancel_all::CancelAll;
use domain::command::{Action, Command, Envelope, Sequenced};
use domain::ids::{Checkpoint, OrderId, SymbolId, UserId, VenueId};
use domain::shards::Subject;
use domain::units::{Epoch, Seq, UnixNanos};
use pg_cluster::options::Options;
use pg_cluster::server::Server;
use projector::batch::Stream;
use projector::block::CommittedBlock;
use projector::conformance;
use projector::conformance::history::{Slow, orders_are_those_of_a_slow_reader};
use projector::history::OrderKey;
use projector::memory::MemoryStore;
use projector::retired::{GivenUp, RetireError, RetiredStore as _};
use projector::rows::FillRow;
use projector::store::{Outcome, ReadStream, Store, StoredRow};
use sim::commands::{CELL, Profile, Timed, generate, sequenced};
use sim::feed::feed_of;
use store_postgres::config::PostgresConfig;
use store_postgres::fault::Fault;
use store_postgres::history::PostgresOrders;
use store_postgres::moves::Watch;
use store_postgres::moves::copy::Copying;
use store_postgres::ranges::RangeWidth;
use store_postgres::retire::{Claim, Contents, Copied, CopyError, OldRange, Retirer, Stays, Writer};
use store_postgres::rewind::rewind;

use crate::elsewhere::Elsewhere;
use crate::subject::{Databases, Stores};

const PATIENCE: Duration = Duration::from_mins(1);
/// The first order id there is in the cell of the commands.
const FIRST: u64 = CELL << 47;
/// Epoch of the batches.
const WRITER: Epoch = Epoch(1_000);
/// How often rows were added elsewhere, as far as the database is told.
const ADDITIONS: u64 = 7;
const EVER: UnixNanos = UnixNanos(u64::MAX >> 1);
static NEVER: AtomicBool = AtomicBool::new(false);

/// A flow of orders in which everything is canceled once, so that what was placed before is closed.
pub(crate) fn commands(seed: u64, before: usize, after: usize) -> Vec<Sequenced<Command>> {
    let mut flow = generate(Profile::Flow, seed, before + after);
    let rest = flow.split_off(before);
    let time = flow.last().unwrap().time;
    let cancel = |user| {
        let envelope = Envelope { user: UserId(user), ..Envelope::VENUE };
        Timed { time, command: Command { envelope, action: Action::CancelAll(CancelAll { symbol: None }) } }
    };
    flow.extend((1..=20).map(cancel));
    flow.extend(rest);
    sequenced(&flow).collect()
}

/// The blocks, and how many of them there are when everything has been canceled.
pub(crate) fn history(seed: u64, before: usize, after: usize) -> (Vec<CommittedBlock>, usize) {
    let (blocks, _) = feed_of(&commands(seed, before, after));
    let canceled = Seq(u64::try_from(before).unwrap() + 20);
    let at = blocks.partition_point(|block| block.info().last < canceled) + 1;
    (blocks, at)
}

pub(crate) fn narrow(config: PostgresConfig) -> PostgresConfig {
    let mut config = config;
    config.range_width = RangeWidth::of_orders(256).unwrap();
    config
}

pub(crate) fn writer(blocks: &[CommittedBlock]) -> Writer {
    Writer { venue: blocks[0].info().venue, epoch: WRITER, start: [1; 16] }
}

/// A database of its own.
pub(crate) struct Shard {
    pub(crate) databases: Arc<Databases>,
    pub(crate) database: String,
    pub(crate) config: PostgresConfig,
    pub(crate) stores: Stores,
    pub(crate) retirer: Retirer,
    pub(crate) elsewhere: Elsewhere,
}

impl Shard {
    pub(crate) fn new(databases: &Arc<Databases>) -> Self {
        let database = databases.make();
        let config = narrow(databases.config(&database));
        let (stores, retirer) = (Stores::open(&config), Retirer::new(config.clone()));
        Self { databases: Arc::clone(databases), database, config, stores, retirer, elsewhere: Elsewhere::default() }
    }

    pub(crate) fn quick() -> Self {
        Self::new(&Databases::quick())
    }

    pub(crate) fn sql(&self, sql: &str) -> String {
        self.databases.server.query(&self.database, sql).unwrap()
    }

    pub(crate) fn write(&mut self, blocks: &[CommittedBlock], from: usize, to: usize) {
        for (stream, store) in self.stores.each() {
            let batch = conformance::batch(stream, blocks, from, to);
            assert_eq!(store.commit(&batch), Outcome::Committed, "{stream:?}");
        }
    }

    pub(crate) fn old(&mut self) -> Vec<OldRange> {
        self.retirer.look(EVER).unwrap().old
    }

    /// Lets one range go, if it may.
    pub(crate) fn retire(&mut self, old: OldRange, writer: Writer) -> Result<Contents, Stays> {
        retire(&mut self.retirer, &mut self.elsewhere, old, writer)
    }

    /// All that may go; how many went.
    pub(crate) fn retire_all(&mut self, writer: Writer) -> usize {
        self.old().into_iter().filter(|old| old.open.is_none()).map(|old| self.retire(old, writer).unwrap()).count()
    }

    /// What is here and elsewhere, each once.
    pub(crate) fn rows(&mut self) -> Vec<StoredRow> {
        whole(self.stores.of(Stream::Symbols), &self.elsewhere)
    }
}

fn retire(retirer: &mut Retirer, elsewhere: &mut Elsewhere, old: OldRange, writer: Writer) -> Result<Contents, Stays> {
    let contents = retirer.survey(old.range, writer).unwrap()?;
    assert_eq!(retirer.copy(&contents, elsewhere, &NEVER).unwrap(), Copied::Whole);
    retirer.drop_range(&contents, ADDITIONS, writer).unwrap()?;
    Ok(contents)
}

pub(crate) fn whole(store: &mut dyn ReadStream, elsewhere: &Elsewhere) -> Vec<StoredRow> {
    let mut rows: BTreeMap<String, StoredRow> = BTreeMap::new();
    let mut add = |row: StoredRow| {
        let key = match &row {
            StoredRow::Order(row) => format!("order {:?}", row.order),
            StoredRow::Fill(row) => format!("fill {:?} {:?}", row.order, row.trade),
            StoredRow::SymbolTenure(_) => return,
            other => format!("{other:?}"),
        };
        if let Some(there) = rows.insert(key, row.clone()) {
            assert_eq!(there, row, "in both places, and not the same");
        }
    };
    store.read_stream(Stream::Symbols, &mut add).unwrap();
    elsewhere.orders.values().for_each(|row| add(StoredRow::Order(*row)));
    elsewhere.fills.values().for_each(|row| add(StoredRow::Fill(*row)));
    rows.into_values().collect()
}

pub(crate) fn expected(blocks: &[CommittedBlock], to: usize) -> Vec<StoredRow> {
    let mut memory = MemoryStore::default();
    assert_eq!(memory.commit(&conformance::batch(Stream::Symbols, blocks, 0, to)), Outcome::Committed);
    whole(&mut memory, &Elsewhere::default())
}

/// The same rows; where they are not, the first that differ.
pub(crate) fn assert_same(found: &[StoredRow], expected: &[StoredRow]) {
    let differs = |(found, expected): &(&StoredRow, &StoredRow)| found != expected;
    if let Some((found, expected)) = found.iter().zip(expected).find(differs) {
        panic!("{found:?} is there, {expected:?} is expected");
    }
    assert_eq!(found.len(), expected.len());
}

#[test]
fn what_is_closed_goes_and_everything_is_still_there_once() {
    let (blocks, canceled) = history(1, 1_600, 1_600);
    let (mut shard, writer, end) = (Shard::quick(), writer(&blocks), blocks.len());
    shard.write(&blocks, 0, canceled);
    let old = shard.old();
    assert!(old.len() >= 2 && old.iter().all(|old| old.open.is_none()), "{old:?}");
    assert_eq!((old[0].range.first(), old[0].range.last()), (OrderId(FIRST), OrderId(FIRST + 255)));
    let contents = shard.retire(old[0], writer).unwrap();
    assert!(contents.orders > 250 && contents.fills > 20, "{contents:?}");
    assert!(contents.last_seq > Seq(400) && contents.last_seq <= blocks[canceled - 1].info().last, "{contents:?}");
    assert_eq!(shard.retire(old[0], writer), Err(Stays::Gone));
    assert_same(&shard.rows(), &expected(&blocks, canceled));
    let noted = format!(
        "{}|{}|{}|{}|{}",
        FIRST >> 8,
        contents.orders,
        contents.fills,
        contents.last_seq.0,
        blocks[canceled - 1].info().last.0
    );
    assert_eq!(shard.sql("SELECT range_number, orders, fills, last_seq, retired_seq FROM retired_ranges"), noted);
    // The writer goes on: it knew the range that went.
    shard.write(&blocks, canceled, end);
    assert_same(&shard.rows(), &expected(&blocks, end));
    let went = shard.retire_all(writer);
    assert!(went >= 2, "{went} ranges");
    let look = shard.retirer.look(EVER).unwrap();
    assert_eq!(look.retired, u64::try_from(went).unwrap() + 1);
    let last_seq = shard.elsewhere.orders.values().map(|row| row.last_seq).max().unwrap();
    let given_up = GivenUp { last_seq, additions: ADDITIONS };
    let claim = shard.retirer.claim(writer, false).unwrap();
    assert_eq!((claim, shard.stores.of(Stream::Symbols).given_up()), (Claim { other: None, given_up }, Ok(given_up)));
    assert!(look.old.iter().all(|old| old.open.is_some()), "{look:?}");
    assert_same(&shard.rows(), &expected(&blocks, end));
    // What is left is found as ever: by id, by name, by time, across the holes.
    let history = PostgresOrders::open(&shard.config, 2, None).unwrap();
    let slow = Slow::of(shard.stores.everything().into_iter().flat_map(|(_, _, rows)| rows));
    orders_are_those_of_a_slow_reader(&history, &slow, blocks[end - 1].info().last, 1);
    // An order in a range that goes is closed for good: what follows never names it.
    assert!(shard.elsewhere.orders.len() > 500);
}

#[test]
fn an_open_order_a_young_one_and_the_newest_range_stay() {
    let (blocks, canceled) = history(2, 1_600, 300);
    let (mut shard, writer) = (Shard::quick(), writer(&blocks));
    let before = canceled - 25;
    shard.write(&blocks, 0, before);
    let old = shard.old();
    let first: u64 = shard.sql("SELECT min(order_id) FROM open_orders").parse().unwrap();
    let open = *old.iter().find(|old| old.open.is_some()).unwrap();
    assert_eq!(open.open, Some(OrderId(first)), "{old:?}");
    assert_eq!(shard.retire(open, writer), Err(Stays::Open(OrderId(first))));
    let newest: u64 = shard.sql("SELECT max(order_id) / 256 - min(order_id) / 256 FROM orders").parse().unwrap();
    assert_eq!(old.len(), usize::try_from(newest).unwrap(), "neither the newest nor the one after it");
    let placed: u64 =
        shard.sql(&format!("SELECT placed_time FROM orders WHERE order_id = {}", FIRST + 255)).parse().unwrap();
    assert_eq!(shard.retirer.look(UnixNanos(placed)).unwrap().old, vec![], "not before, but at that time");
    assert_eq!(shard.retirer.look(UnixNanos(placed + 1)).unwrap().old.len(), 1);
    // Closed by the writer: now it may go.
    shard.write(&blocks, before, canceled);
    let contents = shard.retire(open, writer).unwrap();
    let updated = shard.elsewhere.orders.values().map(|row| row.updated_time).max();
    assert_eq!(Some(contents.updated_time), updated, "so long ago was the last change");
    assert_same(&shard.rows(), &expected(&blocks, canceled));
}

#[test]
fn a_range_made_ahead_stays_where_a_copy_has_brought_later_rows() {
    let (blocks, at) = history(91, 1_500, 0);
    let mut shard = Shard::quick();
    shard.write(&blocks, 0, at);
    let newest: u64 = shard.sql("SELECT max(order_id) >> 8 FROM orders").trim().parse().unwrap();
    let (ahead, copied) = ((newest + 1) << 8, (newest + 2) << 8);
    shard.sql(&format!("SELECT add_order_range({})", newest + 2));
    shard.sql(&format!(
        "INSERT INTO orders SELECT (json_populate_record(o, json_build_object(
             'order_id', {copied}, 'placed_seq', checkpoint_of('symbols') + 1))).*
         FROM orders AS o ORDER BY o.order_id DESC LIMIT 1"
    ));
    let is_old = |shard: &mut Shard| shard.old().iter().any(|old| old.range.first() == OrderId(ahead));
    assert!(!is_old(&mut shard), "its orders are still to come");
    shard.sql(&format!("UPDATE orders SET placed_seq = checkpoint_of('symbols') WHERE order_id = {copied}"));
    assert!(is_old(&mut shard), "nothing is to come");
}

#[test]
fn a_writer_that_commits_meanwhile_neither_waits_nor_loses() {
    let (blocks, _) = history(3, 2_000, 800);
    let (mut shard, writer, end) = (Shard::quick(), writer(&blocks), blocks.len());
    shard.write(&blocks, 0, 1);
    let done = AtomicBool::new(false);
    let Shard { stores, retirer, elsewhere, .. } = &mut shard;
    let (went, stayed) = std::thread::scope(|scope| {
        let done = &done;
        let blocks = &blocks;
        let retiring = scope.spawn(move || {
            let (mut went, mut stayed) = (0, 0);
            while !done.load(Ordering::Acquire) {
                for old in retirer.look(EVER).unwrap().old {
                    match retire(retirer, elsewhere, old, writer) {
                        Ok(_) => went += 1,
                        Err(Stays::Open(_)) => stayed += 1,
                        Err(stays) => panic!("{old:?}: {stays}"),
                    }
                }
            }
            (went, stayed)
        });
        for at in 1..end {
            for stream in [Stream::Reference, Stream::Symbols] {
                let outcome = stores.of(stream).commit(&conformance::batch(stream, blocks, at, at + 1));
                assert_eq!(outcome, Outcome::Committed, "{:?}", stores.of(stream).trouble());
            }
        }
        done.store(true, Ordering::Release);
        retiring.join().unwrap()
    });
    println!("{went} ranges went, {stayed} times one had open orders");
    assert!(stayed > 0);
    shard.retire_all(writer);
    assert!(shard.sql("SELECT count(*) >= 3 FROM retired_ranges") == "t");
    assert_same(&shard.rows(), &expected(&blocks, end));
}

#[test]
fn an_older_start_and_another_venue_drop_nothing() {
    let (blocks, canceled) = history(1, 1_600, 0);
    let mut shard = Shard::quick();
    shard.write(&blocks, 0, canceled);
    let (writer, old) = (writer(&blocks), shard.old()[0]);
    let contents = shard.retirer.survey(old.range, writer).unwrap().unwrap();
    assert_eq!(shard.retirer.copy(&contents, &mut shard.elsewhere, &NEVER).unwrap(), Copied::Whole);
    let later = Epoch(writer.epoch.0 + 1);
    // Others that have written nothing yet have asked what is gone: a later start, and one of a copy of the data directory.
    for other in [Writer { epoch: later, ..writer }, Writer { start: [2; 16], ..writer }] {
        let claimed = shard.stores.of(Stream::Symbols).claim_ranges(other);
        assert_eq!(claimed, Ok(GivenUp::default()));
        let fenced = Err(Stays::Fenced(other.epoch));
        assert_eq!(shard.retirer.drop_range(&contents, ADDITIONS, writer).unwrap(), fenced);
        assert_eq!(shard.retirer.claim(writer, false).unwrap().other, Some(other.epoch));
        shard.sql("DELETE FROM retirer");
    }
    shard.sql(&format!("UPDATE checkpoints SET epoch = {} WHERE stream = 'symbols'", later.0));
    assert_eq!(shard.retirer.drop_range(&contents, ADDITIONS, writer).unwrap(), Err(Stays::Fenced(later)));
    assert_eq!(shard.retirer.survey(old.range, writer).unwrap(), Err(Stays::Fenced(later)));
    let stranger = Writer { venue: VenueId([9; 16]), epoch: later, start: [1; 16] };
    assert!(matches!(shard.retirer.drop_range(&contents, ADDITIONS, stranger), Err(Fault::WrongDatabase(_))));
    assert!(matches!(shard.retirer.survey(old.range, stranger), Err(Fault::WrongDatabase(_))));
    // A database that lost its tail since it was looked at.
    let writer = Writer { epoch: later, ..writer };
    shard.sql("UPDATE checkpoints SET seq = seq - 1 WHERE stream = 'symbols'");
    assert_eq!(shard.retirer.drop_range(&contents, ADDITIONS, writer).unwrap(), Err(Stays::Changed));
    shard.sql("UPDATE checkpoints SET seq = seq + 1 WHERE stream = 'symbols'");
    // Rows that are not those that were copied.
    let order = FIRST + 17;
    shard.sql(&format!("UPDATE orders SET last_seq = last_seq - 1 WHERE order_id = {order}"));
    assert_eq!(shard.retirer.drop_range(&contents, ADDITIONS, writer).unwrap(), Err(Stays::Changed));
    shard.sql(&format!(
        "UPDATE orders SET last_seq = last_seq + 1 WHERE order_id = {order}; INSERT INTO open_orders VALUES ({order}, 1, 0)"
    ));
    assert_eq!(shard.retirer.drop_range(&contents, ADDITIONS, writer).unwrap(), Err(Stays::Open(OrderId(order))));
    shard.sql("DELETE FROM open_orders");
    assert_eq!(shard.sql("SELECT count(*) FROM retired_ranges"), "0");
    assert_eq!(shard.retirer.drop_range(&contents, ADDITIONS, writer).unwrap(), Ok(()));
    assert_same(&shard.rows(), &expected(&blocks, canceled));
}

#[test]
fn what_is_interrupted_begins_again_and_meets_itself() {
    let (blocks, canceled) = history(1, 1_600, 0);
    let (mut shard, writer) = (Shard::quick(), writer(&blocks));
    shard.write(&blocks, 0, canceled);
    let old = shard.old()[0];
    let contents = shard.retirer.survey(old.range, writer).unwrap().unwrap();
    let rows = usize::try_from(contents.orders + contents.fills).unwrap();
    for room in [0, 1, 100, rows - 1] {
        shard.elsewhere.room = Some(room);
        let copied = shard.retirer.copy(&contents, &mut shard.elsewhere, &NEVER);
        assert!(matches!(copied, Err(CopyError::There(RetireError::Retry(..)))), "{copied:?}");
        shard.retirer = Retirer::new(shard.config.clone());
    }
    shard.elsewhere.room = None;
    let stopped = shard.retirer.copy(&contents, &mut shard.elsewhere, &AtomicBool::new(true)).unwrap();
    assert_eq!(stopped, Copied::Stopped);
    assert_eq!(shard.retirer.copy(&contents, &mut shard.elsewhere, &NEVER).unwrap(), Copied::Whole);
    // Copied and not dropped: both have it, and a new process does it again.
    assert_same(&shard.rows(), &expected(&blocks, canceled));
    shard.retirer = Retirer::new(shard.config.clone());
    assert!(shard.retire_all(writer) >= 2);
    assert_same(&shard.rows(), &expected(&blocks, canceled));
}

#[test]
fn a_server_that_loses_the_drop_has_the_range_again() {
    // A short delay of the WAL writer would hide what asynchronous commits lose.
    let options = Options::default().with("wal_writer_delay", "10s").with("wal_writer_flush_after", "100MB");
    let mut server = Server::temporary(&options).unwrap();
    server.create_database("shard").unwrap();
    let config = narrow(PostgresConfig::new(&server.url("shard"), None).unwrap());
    let (blocks, canceled) = history(1, 1_600, 400);
    let (writer, mut elsewhere) = (writer(&blocks), Elsewhere::default());
    let mut stores = Stores::open(&config);
    stores.fill(&blocks[..canceled]);
    assert!(stores.of(Stream::Symbols).make_durable().is_ok());
    let mut retirer = Retirer::new(config.clone());
    let mut went = 0;
    for old in retirer.look(EVER).unwrap().old {
        retire(&mut retirer, &mut elsewhere, old, writer).unwrap();
        went += 1;
    }
    server.kill().unwrap();
    server.restart().unwrap();
    let mut stores = Stores::open(&config);
    let deadline = Instant::now() + PATIENCE;
    while let Err(error) = stores.of(Stream::Symbols).checkpoint(Stream::Symbols) {
        assert!(Instant::now() < deadline, "{error}");
    }
    assert_same(&whole(stores.of(Stream::Symbols), &elsewhere), &expected(&blocks, canceled));
    let kept = retirer.look(EVER);
    let kept = kept.or_else(|_| retirer.look(EVER)).unwrap();
    println!("{went} ranges went, {} are noted after the kill", kept.retired);
    for old in kept.old {
        retire(&mut retirer, &mut elsewhere, old, writer).unwrap();
    }
    assert_eq!(retirer.look(EVER).unwrap().retired, went);
    for stream in [Stream::Reference, Stream::Symbols] {
        let batch = conformance::batch(stream, &blocks, canceled, blocks.len());
        assert_eq!(stores.of(stream).commit(&batch), Outcome::Committed);
    }
    assert_same(&whole(stores.of(Stream::Symbols), &elsewhere), &expected(&blocks, blocks.len()));
}

#[test]
fn who_reads_the_tables_is_not_held_up_and_neither_is_the_writer() {
    let (blocks, canceled) = history(1, 1_600, 400);
    let (mut shard, writer) = (Shard::quick(), writer(&blocks));
    shard.write(&blocks, 0, canceled);
    let old = shard.old()[0];
    let reader =
        shard.databases.server.session(&shard.database, "BEGIN; SELECT count(*) FROM orders; SELECT pg_sleep(600)");
    let sleeps = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'";
    let deadline = Instant::now() + PATIENCE;
    while shard.sql(sleeps) == "0" {
        assert!(Instant::now() < deadline, "nobody reads");
    }
    let begun = Instant::now();
    assert_eq!(shard.retire(old, writer), Err(Stays::Busy));
    assert!(begun.elapsed() < Duration::from_secs(20), "it waited");
    // It holds nothing that others wait for.
    shard.write(&blocks, canceled, blocks.len());
    let history = PostgresOrders::open(&shard.config, 1, None).unwrap();
    let found = projector::history::OrderHistory::order(&history, OrderKey::Id(OrderId(FIRST + 17))).unwrap();
    assert_eq!(found.rows.len(), 1);
    drop(reader);
    let deadline = Instant::now() + PATIENCE;
    while let Err(stays) = shard.retire(old, writer) {
        assert!(stays == Stays::Busy && Instant::now() < deadline, "{stays}");
    }
    assert_same(&shard.rows(), &expected(&blocks, blocks.len()));
}

/// A symbol comes to a shard whose ranges of that time are gone: they are made again, and go again once it owns all that is in them.
#[test]
fn a_symbol_that_comes_gets_its_ranges_back() {
    const SYMBOL: SymbolId = SymbolId(1);
    let (blocks, canceled) = history(1, 1_600, 400);
    let (writer, end) = (writer(&blocks), blocks.len());
    let databases = Databases::quick();
    let (mut source, mut shard) = (Shard::new(&databases), Shard::new(&databases));
    source.write(&blocks, 0, end);
    source
        .sql("INSERT INTO shard (shard_id) VALUES (0); INSERT INTO symbol_tenures SELECT symbol_id, 0, 0 FROM symbols");
    shard.write(&blocks, 0, end);
    shard.sql(
        "DELETE FROM orders WHERE symbol_id = 1; DELETE FROM order_fills WHERE symbol_id = 1;
         DELETE FROM open_orders WHERE symbol_id = 1; DELETE FROM positions WHERE symbol_id = 1;
         INSERT INTO shard (shard_id) VALUES (1);
         INSERT INTO symbol_tenures SELECT symbol_id, 0, CASE symbol_id WHEN 1 THEN 0 ELSE 1 END FROM symbols",
    );
    assert!(canceled < end && shard.retire_all(writer) >= 2);
    // The source has given up one of its own ranges, with the rows of the symbol in it.
    let first = source.old()[0];
    let there = format!("SELECT count(*) FROM orders WHERE symbol_id = 1 AND order_id < {}", FIRST + 256);
    assert_ne!(source.sql(&there), "0");
    retire(&mut source.retirer, &mut shard.elsewhere, first, writer).unwrap();
    let marks = source.sql("SELECT * FROM retired_prices WHERE of_symbol = 1");
    assert_ne!(marks, "");

    let copied = shard.stores.of(Stream::Symbols).copy(Subject::Symbol(SYMBOL), &source.config, &Watch::default());
    assert_eq!(copied, Ok(Copying::Held));
    assert_same(&shard.rows(), &expected(&blocks, end));
    assert_eq!(shard.sql("SELECT * FROM retired_prices WHERE of_symbol = 1"), marks);
    let old = shard.old();
    let again = old.iter().find(|old| old.range.first() == OrderId(FIRST + 256)).unwrap();
    assert_eq!(shard.retire(*again, writer), Err(Stays::NotOwned(SYMBOL)), "it is the source's still");
    let contents = {
        shard.sql("INSERT INTO symbol_tenures VALUES (1, 1000000, 1)");
        shard.retirer.survey(again.range, writer).unwrap().unwrap()
    };
    assert_eq!(shard.retirer.copy(&contents, &mut shard.elsewhere, &NEVER).unwrap(), Copied::Whole);
    // It has left before it was dropped.
    shard.sql("INSERT INTO symbol_tenures VALUES (1, 1000001, 0)");
    assert_eq!(shard.retirer.drop_range(&contents, ADDITIONS, writer).unwrap(), Err(Stays::NotOwned(SYMBOL)));
    shard.sql("DELETE FROM symbol_tenures WHERE from_seq = 1000001");
    assert_eq!(shard.retirer.drop_range(&contents, ADDITIONS, writer).unwrap(), Ok(()));
    assert_same(&shard.rows(), &expected(&blocks, end));
}

#[test]
fn positions_are_marked_at_the_last_trade_wherever_it_is() {
    let (blocks, canceled) = history(1, 1_600, 0);
    let (mut shard, writer) = (Shard::quick(), writer(&blocks));
    shard.write(&blocks, 0, canceled);
    let marks =
        "SELECT user_id, quote_asset, realised, unrealised, total FROM v_pnl_by_user ORDER BY user_id, quote_asset";
    let before = shard.sql(marks);
    assert!(before.lines().count() > 10);
    assert!(shard.retire_all(writer) >= 2);
    let newest: u64 = shard.sql("SELECT max(order_id) FROM orders").parse().unwrap();
    // Nothing traded in what is left.
    shard.sql(&format!("DELETE FROM order_fills WHERE order_id >= {}", newest - newest % 256));
    let kept = shard.sql("SELECT count(*) FROM retired_prices");
    assert_eq!(kept, shard.sql("SELECT count(*) FROM symbols"));
    let last: BTreeMap<SymbolId, &FillRow> = shard.elsewhere.fills.values().map(|row| (row.symbol, row)).collect();
    for (symbol, row) in last {
        let noted = format!("{}|{}|{}", row.order.0, row.trade.0, row.id.seq.0);
        let sql = format!("SELECT last_order, last_trade, seq FROM retired_prices WHERE of_symbol = {}", symbol.0);
        assert_eq!(shard.sql(&sql), noted);
    }
    assert_eq!(shard.sql(&format!("SELECT count(*) FROM ({marks}) AS m WHERE unrealised IS NULL")), "0");
}

/// Rows of orders and fills, without when a rewind says that they were last changed.
fn untimed(rows: Vec<StoredRow>) -> Vec<StoredRow> {
    let untimed = |row| match row {
        StoredRow::Order(mut row) if row.status.is_open() => {
            (row.last_seq, row.updated_time) = (Seq::ZERO, UnixNanos(0));
            Some(StoredRow::Order(row))
        }
        StoredRow::Order(_) | StoredRow::Fill(_) | StoredRow::OpenOrder(_) => Some(row),
        _ => None,
    };
    let mut rows: Vec<_> = rows.into_iter().filter_map(untimed).collect();
    rows.sort_by_cached_key(|row| format!("{row:?}"));
    rows
}

#[test]
fn what_was_open_at_the_fork_comes_back() {
    let all = commands(4, 1_600, 600);
    let (blocks, _) = feed_of(&all);
    let (writer, end) = (writer(&blocks), blocks.len());
    for place in [700, 1_200, 1_590, 1_700] {
        println!("fork at {place}");
        let fork = blocks.partition_point(|block| block.info().last <= Seq(place));
        let at = Checkpoint { epoch: WRITER, ..blocks[fork - 1].info().checkpoint() };
        let (_, state) = feed_of(&all[..usize::try_from(at.seq.0).unwrap()]);
        let mut shard = Shard::quick();
        shard.write(&blocks, 0, end);
        assert!(shard.retire_all(writer) >= 2);
        let gone = state.orders.iter().filter(|order| shard.elsewhere.orders.contains_key(&order.order)).count();
        assert_eq!(gone > 0, place < 1_600, "{gone} are open at the fork, and were retired");
        if gone > 0 {
            // Without them nothing is changed.
            let failed = rewind(&shard.config, &at, &state, None);
            assert!(matches!(failed, Err(Fault::Missing(_))), "{failed:?}");
            let failed = rewind(&shard.config, &at, &state, Some(&Elsewhere::default()));
            assert!(matches!(failed, Err(Fault::Missing(_))), "{failed:?}");
            assert_same(&shard.rows(), &expected(&blocks, end));
        }
        rewind(&shard.config, &at, &state, Some(&shard.elsewhere)).unwrap();
        // Interrupted here, it is called again.
        assert_eq!(rewind(&shard.config, &at, &state, Some(&shard.elsewhere)).unwrap(), vec![]);
        shard.elsewhere.forget_after(at.seq).unwrap();
        let last_seq = shard.elsewhere.orders.values().map(|row| row.last_seq).max().unwrap_or(Seq::ZERO);
        let given_up = shard.retirer.claim(writer, false).unwrap().given_up;
        assert!(given_up.last_seq <= last_seq, "what is forgotten is not asked for");
        shard.stores = Stores::open(&shard.config);
        assert_same(&untimed(shard.rows()), &untimed(expected(&blocks, fork)));
        // And on again, into ranges that are made anew; what is closed then goes as before.
        shard.write(&blocks, fork, end);
        assert_same(&untimed(shard.rows()), &untimed(expected(&blocks, end)));
        shard.retire_all(writer);
        assert_same(&untimed(shard.rows()), &untimed(expected(&blocks, end)));
    }
}
