//! A symbol's or a user's rows from one database to another: all of them and no others, whatever dies in the middle.

use std::time::{Duration, Instant};

use domain::event::Event;
use domain::ids::{Checkpoint, ShardId, SymbolId, UserId};
use domain::shard_map::ShardMap;
use domain::shards::{Move, Shard, Subject};
use domain::units::{Epoch, Seq};
use pg_cluster::options::Options;
use pg_cluster::server::Server;
use projector::batch::{Batch, ReferenceRows, Rows, Stream, SymbolsRows, UsersRows};
use projector::block::CommittedBlock;
use projector::conformance;
use projector::fold::Projector;
use projector::memory::MemoryStore;
use projector::share::{Share, stream_of};
use projector::store::{Outcome, ReadStream as _, Store as _, StoreError, StoredRow};
use sim::commands::Profile;
use sim::feed::feed;
use store_postgres::config::PostgresConfig;
use store_postgres::moves::Watch;
use store_postgres::moves::copy::Copying;
use store_postgres::moves::remove::Remover;
use store_postgres::rewind::rewind;
use store_postgres::store::STREAMS;

use crate::subject::{Databases, Stores};

const SYMBOL: Subject = Subject::Symbol(SymbolId(1));
const USER: Subject = Subject::User(UserId(2));
const PATIENCE: Duration = Duration::from_mins(1);
const DATABASE: &str = "shard";

/// A shard: a server of its own, with a database.
struct Place {
    server: Server,
    config: PostgresConfig,
    stores: Stores,
}

impl Place {
    fn new(options: &Options) -> Self {
        let server = Server::temporary(options).unwrap();
        server.create_database(DATABASE).unwrap();
        let config = PostgresConfig::new(&server.url(DATABASE), None).unwrap();
        Self { stores: Stores::open(&config), config, server }
    }

    fn sql(&self, sql: &str) -> String {
        self.server.query(DATABASE, sql).unwrap()
    }

    /// Puts all blocks into all streams; where nothing is this shard's, without the rows.
    fn fill(&mut self, blocks: &[CommittedBlock], has_rows: bool) {
        for stream in STREAMS {
            let whole = conformance::batch(stream, blocks, 0, blocks.len());
            let batch = if has_rows || stream == Stream::Reference { whole } else { without_rows(whole) };
            assert_eq!(self.stores.of(stream).commit(&batch), Outcome::Committed);
        }
    }

    /// Says which shard it is, and that the first one has everything.
    fn name(&self, shard: u16) {
        self.sql(&format!(
            "INSERT INTO shard (shard_id) VALUES ({shard});
             INSERT INTO symbol_tenures SELECT symbol_id, 0, 0 FROM symbols;
             INSERT INTO user_tenures SELECT user_id, 0, 0 FROM users;"
        ));
    }

    fn copy(&mut self, subject: Subject, source: &PostgresConfig) -> Result<Copying, StoreError> {
        self.stores.of(stream_of(subject)).copy(subject, source, &Watch::default())
    }

    /// Rows of a subject, or all others, in an order that does not depend on the database.
    fn rows(&mut self, subject: Subject, its: bool) -> Vec<String> {
        // Over connections of its own: those that are open may be to a server that was killed.
        let all = Stores::open(&self.config).everything();
        let rows = all.into_iter().find(|(stream, ..)| *stream == stream_of(subject)).unwrap().2;
        let outside: Vec<_> = rows.iter().filter_map(|row| own_movement(row, subject)).collect();
        let is_its = |row: &StoredRow| is_of(row, subject, &outside);
        let is_moved = |row: &&StoredRow| {
            !matches!(row, StoredRow::OpenOrder(_) | StoredRow::SymbolTenure(_) | StoredRow::UserTenure(_))
        };
        let mut rows: Vec<_> =
            rows.iter().filter(is_moved).filter(|row| is_its(row) == its).map(|row| format!("{row:?}")).collect();
        rows.sort();
        rows
    }

    fn incoming(&self) -> String {
        self.sql("SELECT subject, subject_id, copied_seq, rows, length(digest) FROM incoming ORDER BY 1")
    }
}

fn without_rows(batch: Batch) -> Batch {
    let rows = match batch.rows {
        Rows::Reference(_) => Rows::Reference(ReferenceRows::default()),
        Rows::Symbols(_) => Rows::Symbols(SymbolsRows::default()),
        Rows::Users(_) => Rows::Users(UsersRows::default()),
        other => other,
    };
    Batch { rows, ..batch }
}

/// The event and pair of a ledger row of the user.
fn own_movement(row: &StoredRow, subject: Subject) -> Option<(domain::ids::EventId, u8)> {
    match row {
        StoredRow::Ledger(row) if row.user.map(Subject::User) == Some(subject) => Some((row.id, row.leg / 2)),
        _ => None,
    }
}

fn is_of(row: &StoredRow, subject: Subject, movements: &[(domain::ids::EventId, u8)]) -> bool {
    let user = match row {
        StoredRow::Order(row) => return Subject::Symbol(row.symbol) == subject,
        StoredRow::Fill(row) => return Subject::Symbol(row.symbol) == subject,
        StoredRow::Position(row) => return Subject::Symbol(row.symbol) == subject,
        StoredRow::Balance(row) => row.user,
        StoredRow::CreditLimit(row) => row.user,
        StoredRow::Withdrawal(row) => row.user,
        StoredRow::Ledger(row) => match row.user {
            Some(user) => user,
            None => return movements.contains(&(row.id, row.leg / 2)),
        },
        // Whose an open order is, its row in `orders` says.
        _ => return false,
    };
    Subject::User(user) == subject
}

/// Two shards at the end of the same history, of which the first has everything.
fn two(options: &Options, blocks: &[CommittedBlock]) -> (Place, Place) {
    let (mut source, mut destination) = (Place::new(options), Place::new(options));
    source.fill(blocks, true);
    destination.fill(blocks, false);
    source.name(0);
    destination.name(1);
    (source, destination)
}

fn quick() -> Options {
    Options::default().without_fsync()
}

fn remove(config: &PostgresConfig, subject: Subject, watch: &Watch) -> Result<bool, StoreError> {
    Remover::new(config.clone()).remove(subject, watch)
}

#[test]
fn all_rows_of_the_subject_and_no_others_come_and_go() {
    let (blocks, _) = feed(Profile::Small, 3, 4_000);
    let (mut source, mut destination) = two(&quick(), &blocks);
    let end = blocks.last().unwrap().info().last.0;
    for subject in [SYMBOL, USER] {
        assert_eq!(destination.copy(subject, &source.config), Ok(Copying::Held));
        let (here, there) = (destination.rows(subject, true), source.rows(subject, true));
        assert_eq!(here, there);
        assert!(here.len() > 50, "{} rows", here.len());
        assert_eq!(destination.copy(subject, &source.config), Ok(Copying::Held), "it is held already");
    }
    assert_eq!(destination.rows(SYMBOL, false), Vec::<String>::new());
    assert_eq!(destination.rows(USER, false), Vec::<String>::new());
    let open = "SELECT count(*), coalesce(sum(order_id), 0) FROM open_orders WHERE symbol_id = 1";
    assert_eq!(destination.sql(open), source.sql(open));
    let (symbol, user) = (count(&source, SYMBOL), count(&source, USER));
    assert_eq!(destination.incoming(), format!("symbol|1|{end}|{symbol}|32\nuser|2|{end}|{user}|32"));
    // With the world's side of each movement the user's ledger adds up to zero, deposits and withdrawals alone.
    let outside = "SELECT coalesce(sum(change), 0) FROM ledger WHERE movement IN ('deposit', 'withdrawal')";
    assert_eq!(
        destination.sql(&format!("SELECT ({outside}) = 0, count(*) > 1 FROM ledger WHERE user_id IS NULL")),
        "t|t"
    );

    for subject in [SYMBOL, USER] {
        let others = source.rows(subject, false);
        assert!(others.len() > 50, "{} rows", others.len());
        let (Subject::Symbol(SymbolId(id)) | Subject::User(UserId(id))) = subject;
        let word = if stream_of(subject) == Stream::Symbols { "symbol" } else { "user" };
        assert_eq!(remove(&source.config, subject, &Watch::default()), Ok(true), "nothing has left");
        assert_eq!(source.rows(subject, false), others);
        assert!(!source.rows(subject, true).is_empty(), "only what has left is removed");
        source.sql(&format!("INSERT INTO leftovers VALUES ('{word}', {id}, {end})"));
        let stopped = Watch::default();
        stopped.stop();
        assert_eq!(remove(&source.config, subject, &stopped), Ok(false));
        assert_eq!(source.sql("SELECT removing FROM leftovers"), "t");
        let why = "its rows there are being removed";
        destination.sql(&format!("DELETE FROM incoming WHERE subject = '{word}'"));
        assert_eq!(destination.copy(subject, &source.config), Ok(Copying::NotThere(why)));
        let watch = Watch::default();
        assert_eq!(remove(&source.config, subject, &watch), Ok(true));
        assert_eq!(watch.rows(), if subject == SYMBOL { symbol } else { user });
        assert_eq!(source.sql("SELECT count(*) FROM leftovers"), "0");
        assert_eq!(source.rows(subject, true), Vec::<String>::new());
        assert_eq!(source.rows(subject, false), others);
        assert_eq!(source.sql("SELECT count(*) FROM open_orders WHERE symbol_id = 1"), "0");
    }
}

/// How many rows a subject has, counted by hand.
fn count(shard: &Place, subject: Subject) -> u64 {
    let sql = match subject {
        Subject::Symbol(SymbolId(id)) => ["orders", "open_orders", "order_fills", "positions"]
            .map(|table| format!("(SELECT count(*) FROM {table} WHERE symbol_id = {id})"))
            .join("+"),
        Subject::User(UserId(id)) => {
            let own = ["balances", "credit_limits", "ledger", "withdrawals"]
                .map(|table| format!("(SELECT count(*) FROM {table} WHERE user_id = {id})"));
            let outside = format!(
                "(SELECT count(*) FROM ledger WHERE user_id IS NULL AND (seq, event_index) IN
                   (SELECT seq, event_index FROM ledger WHERE user_id = {id} AND movement IN ('deposit', 'withdrawal')))"
            );
            own.join("+") + "+" + &outside
        }
    };
    shard.sql(&format!("SELECT {sql}")).parse().unwrap()
}

#[test]
fn a_copy_is_never_older_than_the_database_it_comes_to() {
    let (blocks, _) = feed(Profile::Small, 3, 2_000);
    let (early, end) = (blocks.len() / 2, blocks.len());
    let (source, mut destination) = two(&quick(), &blocks);
    let mut late = Place::new(&quick());
    late.fill(&blocks[..early], true);
    late.name(0);
    let (behind, here) = (blocks[early - 1].info().last, blocks[end - 1].info().last);
    for subject in [SYMBOL, USER] {
        let copied = destination.copy(subject, &late.config);
        assert_eq!(copied, Ok(Copying::SourceBehind { source: behind, here }));
        assert_eq!(destination.rows(subject, true), Vec::<String>::new());
    }
    assert_eq!(destination.incoming(), "");
    let mut empty = Place::new(&quick());
    empty.stores.fill(&[]);
    assert_eq!(empty.copy(SYMBOL, &source.config), Ok(Copying::NotBegun));
    // Rows that have left the source say how old they are.
    let left = here.0 - 1;
    source.sql(&format!("INSERT INTO leftovers VALUES ('symbol', 1, {left})"));
    let copied = destination.copy(SYMBOL, &source.config);
    assert_eq!(copied, Ok(Copying::SourceBehind { source: Seq(left), here }));
    // What is still here from an earlier time goes first.
    destination.sql("INSERT INTO leftovers VALUES ('user', 2, 7)");
    assert_eq!(destination.copy(USER, &source.config), Ok(Copying::LeftOver));
    // A shard that has had the subject and lost it has nothing to give.
    let why = "its rows are not there";
    destination.sql("DELETE FROM leftovers");
    source.sql("INSERT INTO user_tenures VALUES (2, 9, 1)");
    assert_eq!(destination.copy(USER, &source.config), Ok(Copying::NotThere(why)));
    assert_eq!(destination.copy(Subject::Symbol(SymbolId(0)), &destination.config.clone()), Ok(Copying::NotThere(why)));
}

/// Lets the copy of a symbol come as far as its positions and no further, does something, and gives what came of it.
fn stuck_at_positions(
    [source, destination]: [&mut Place; 2],
    stuck: usize,
    then: impl FnOnce([&mut Server; 2], &Watch),
) -> Result<Copying, StoreError> {
    let slow = [
        "ALTER TABLE positions RENAME TO moved_positions;
         CREATE VIEW positions AS SELECT * FROM moved_positions WHERE pg_sleep(600) IS NOT NULL",
        "CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(600); RETURN NEW; END $$;
         CREATE TRIGGER wait BEFORE INSERT ON positions FOR EACH ROW EXECUTE FUNCTION wait()",
    ];
    // A session that sleeps does not see that nobody waits for it any more.
    let quick = [
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep';
         DROP VIEW IF EXISTS positions; ALTER TABLE IF EXISTS moved_positions RENAME TO positions",
        "DROP FUNCTION IF EXISTS wait CASCADE",
    ];
    [&*source, &*destination][stuck].sql(slow[stuck]);
    let (config, watch) = (source.config.clone(), Watch::default());
    let (from, to) = (&mut source.server, &mut destination.server);
    let stores = &mut destination.stores;
    let copied = std::thread::scope(|scope| {
        let copying = scope.spawn(|| stores.of(Stream::Symbols).copy(SYMBOL, &config, &watch));
        let sleeps = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'";
        let deadline = Instant::now() + PATIENCE;
        while [&*from, &*to][stuck].query(DATABASE, sleeps).unwrap() == "0" {
            assert!(Instant::now() < deadline, "the copy does not come there");
        }
        then([from, to], &watch);
        copying.join().unwrap()
    });
    [&*source, &*destination][stuck].sql(quick[stuck]);
    copied
}

#[test]
fn what_dies_in_the_middle_of_a_copy_leaves_nothing_behind() {
    let (blocks, _) = feed(Profile::Small, 3, 2_000);
    let (mut source, mut destination) = two(&Options::default(), &blocks);
    let copied = stuck_at_positions([&mut source, &mut destination], 1, |[_, to], _| {
        to.kill().unwrap();
        to.restart().unwrap();
    });
    assert!(matches!(copied, Err(StoreError::Retry(_))), "{copied:?}");
    assert!(destination.stores.of(Stream::Symbols).trouble().is_some());
    assert_eq!(destination.rows(SYMBOL, true), Vec::<String>::new());

    let copied = stuck_at_positions([&mut source, &mut destination], 0, |[from, _], _| {
        from.kill().unwrap();
        from.restart().unwrap();
    });
    assert!(matches!(copied, Ok(Copying::SourceAway(_))), "{copied:?}");
    let copied = stuck_at_positions([&mut source, &mut destination], 0, |_, watch| watch.stop());
    assert_eq!(copied, Ok(Copying::Stopped));
    assert_eq!(destination.rows(SYMBOL, true), Vec::<String>::new());
    assert_eq!(destination.incoming(), "");

    // Once committed, it is on disk: the copy waited for it.
    assert_eq!(destination.copy(SYMBOL, &source.config), Ok(Copying::Held));
    destination.server.kill().unwrap();
    destination.server.restart().unwrap();
    assert_eq!(destination.incoming().lines().count(), 1);
    assert_eq!(destination.rows(SYMBOL, true), source.rows(SYMBOL, true));
    source.server.stop().unwrap();
    destination.stores = Stores::open(&destination.config);
    let away = destination.copy(Subject::Symbol(SymbolId(0)), &source.config);
    assert!(matches!(&away, Ok(Copying::SourceAway(why)) if why.contains("refused")), "{away:?}");
}

/// A shard that follows block by block.
struct Follows {
    id: ShardId,
    config: PostgresConfig,
    stores: Stores,
    shares: [Share; 3],
    copies: usize,
}

impl Follows {
    fn new(databases: &Databases, id: ShardId) -> Self {
        let config = databases.config(&databases.make()).of_shard(id);
        let stores = Stores::open(&config);
        let shares = STREAMS.map(|_| Share::whole());
        Self { id, config, stores, shares, copies: 0 }
    }

    /// Writes a block; what is missing is copied from the shard that had it until now.
    fn write(&mut self, block: &CommittedBlock, owner: &dyn Fn(Subject, Seq) -> PostgresConfig) {
        for (place, stream) in STREAMS.into_iter().enumerate() {
            let (store, share) = (self.stores.of(stream), &mut self.shares[place]);
            while let Some(subject) = share.missing(stream, block) {
                let source = owner(subject, block.info().first);
                match store.copy(subject, &source, &Watch::default()) {
                    Ok(Copying::Held) => self.copies += 1,
                    Ok(Copying::LeftOver) => assert_eq!(remove(&self.config, subject, &Watch::default()), Ok(true)),
                    copied => panic!("{subject:?} to {:?}: {copied:?}", self.id),
                }
                share.set_incoming(store.incoming(stream).unwrap());
            }
            let stored = store.checkpoint(stream).unwrap();
            let origin = Checkpoint { seq: Seq::ZERO, epoch: Epoch(1), ..block.info().checkpoint() };
            let mut projector =
                Projector::new(stream, stored.unwrap_or(origin), Epoch(1), &projector::settings::Settings::default());
            projector.push(block, share).unwrap();
            let batch = projector.take().unwrap();
            assert_eq!(store.commit(&batch), Outcome::Committed, "{stream:?} of {:?}", self.id);
        }
    }
}

/// The shards of a history, at its beginning. They know the map as it is when the last of them has been added, and learn what comes
/// later by themselves.
fn followers(databases: &Databases, blocks: &[CommittedBlock], head: &ShardMap) -> Vec<Follows> {
    let mut map = ShardMap::default();
    for committed in blocks.iter().flat_map(CommittedBlock::commands) {
        for event in committed.events {
            if let Event::ShardMap(event) = event
                && map.shards().len() < head.shards().len()
            {
                map.apply(committed.command.seq, event);
            }
        }
    }
    let follows = |shard: &Shard| {
        let shares = STREAMS.map(|_| Share::of(shard.id, map.clone()));
        Follows { shares, ..Follows::new(databases, shard.id) }
    };
    head.shards().iter().map(follows).collect()
}

/// Lets all shards follow these blocks. Copies come from the shard that owned a subject before.
fn follow(shards: &mut [Follows], blocks: &[CommittedBlock], head: &ShardMap) {
    let configs: Vec<PostgresConfig> = shards.iter().map(|shard| shard.config.clone()).collect();
    let owner = |subject, seq| configs[usize::from(head.owner_at(subject, seq).unwrap().0)].clone();
    for block in blocks {
        for shard in &mut *shards {
            shard.write(block, &owner);
        }
    }
}

/// Every shard has the rows of what it owns, and the owner views of all together have each row once.
fn assert_owned(databases: &Databases, shards: &mut [Follows], blocks: &[CommittedBlock], map: &ShardMap) {
    let all = [Stream::Symbols, Stream::Users].map(|stream| {
        let (mut whole, mut rows) = (MemoryStore::default(), Vec::new());
        assert_eq!(whole.commit(&conformance::batch(stream, blocks, 0, blocks.len())), Outcome::Committed);
        whole.read_stream(stream, &mut |row| rows.push(row)).unwrap();
        rows
    });
    let mut totals = [0; 4];
    for shard in shards {
        let everything = shard.stores.everything();
        for subject in map.subjects_on(shard.id) {
            let stored = &everything.iter().find(|(stream, ..)| *stream == stream_of(subject)).unwrap().2;
            let all = &all[usize::from(stream_of(subject) == Stream::Users)];
            assert_eq!(its(stored, subject), its(all, subject), "{subject:?} on {:?}", shard.id);
        }
        let database = shard.config.place().rsplit('/').next().unwrap().to_owned();
        let counts = "SELECT (SELECT count(*) FROM owned_orders), (SELECT count(*) FROM owned_order_fills),
            (SELECT count(*) FROM owned_ledger), (SELECT count(*) FROM owned_balances)";
        let counts = databases.server.query(&database, counts).unwrap();
        for (total, count) in totals.iter_mut().zip(counts.split('|')) {
            *total += count.parse::<usize>().unwrap();
        }
    }
    let count = |is: fn(&StoredRow) -> bool| all.iter().flatten().filter(|row| is(row)).count();
    let expected = [
        count(|row| matches!(row, StoredRow::Order(_))),
        count(|row| matches!(row, StoredRow::Fill(_))),
        count(|row| matches!(row, StoredRow::Ledger(_))),
        count(|row| matches!(row, StoredRow::Balance(_))),
    ];
    assert_eq!(totals, expected);
}

/// The history of a venue whose symbols and users move again and again, followed by all of its shards.
#[test]
fn every_shard_has_what_it_owns_whole_and_the_views_count_it_once() {
    let databases = Databases::quick();
    let (blocks, state) = feed(Profile::Shards, 5, 3_000);
    let head = ShardMap::from_state(&state.shards, state.seq).unwrap();
    assert!(head.shards().len() > 1 && state.shards.moved.len() > 5, "{} moves", state.shards.moved.len());
    let mut shards = followers(&databases, &blocks, &head);
    follow(&mut shards, &blocks, &head);
    assert!(shards.iter().map(|shard| shard.copies).sum::<usize>() > 5);
    assert_owned(&databases, &mut shards, &blocks, &head);
}

/// Back to before some moves, and forth again.
#[test]
fn a_rewind_takes_back_who_has_what() {
    let databases = Databases::quick();
    let (blocks, state) = feed(Profile::Shards, 5, 3_000);
    let head = ShardMap::from_state(&state.shards, state.seq).unwrap();
    let last_moves = &state.shards.moved[state.shards.moved.len() - 3..];
    let fork = blocks.partition_point(|block| block.info().last < last_moves[0].seq) - 1;
    let at = blocks[fork].info();
    let (before, state_then) = feed(Profile::Shards, 5, usize::try_from(at.last.0).unwrap());
    let then = ShardMap::from_state(&state_then.shards, state_then.seq).unwrap();
    assert_eq!((before.last().unwrap().info().checkpoint(), state_then.seq), (at.checkpoint(), at.last));
    let mut shards = followers(&databases, &blocks, &head);
    follow(&mut shards, &blocks, &head);
    for shard in &mut shards {
        let at = Checkpoint { epoch: Epoch(1), ..at.checkpoint() };
        rewind(&shard.config, &at, &state_then, None).unwrap();
        shard.stores = Stores::open(&shard.config);
        shard.shares = STREAMS.map(|stream| {
            let mut share = Share::of(shard.id, then.clone());
            share.set_incoming(shard.stores.of(stream).incoming(stream).unwrap());
            share
        });
    }
    follow(&mut shards, &blocks[fork + 1..], &head);
    for shard in &mut shards {
        let removed = shard.stores.of(Stream::Users).leftovers().unwrap();
        for leftover in removed {
            assert_eq!(remove(&shard.config, leftover.subject, &Watch::default()), Ok(true));
        }
    }
    owned_alike(&databases, &mut shards, &head);
}

/// What was copied past the fork may lack what the source had given up by then: it is copied again.
#[test]
fn a_copy_of_after_the_fork_is_not_what_an_open_move_needs() {
    let databases = Databases::quick();
    let (blocks, state) = feed(Profile::Shards, 5, 3_000);
    let head = ShardMap::from_state(&state.shards, state.seq).unwrap();
    let open_at = |block: &CommittedBlock| {
        let info = block.info();
        let (_, then) = feed(Profile::Shards, 5, usize::try_from(info.last.0).unwrap());
        let done = |open: &&Move| state.shards.moved.iter().any(|it| it.subject == open.subject && it.seq > info.last);
        let open = then.shards.moves.iter().find(done).copied();
        open.map(|open| (info.checkpoint(), open, then))
    };
    let (at, open, then) = blocks.iter().rev().find_map(open_at).expect("a move that ends later");
    let mut shards = followers(&databases, &blocks, &head);
    follow(&mut shards, &blocks, &head);
    let shard = shards.iter_mut().find(|shard| shard.id == open.to).unwrap();
    let stream = stream_of(open.subject);
    let copied = shard.stores.of(stream).incoming(stream).unwrap().get(&open.subject).copied();
    assert!(copied.is_some_and(|copied| copied > at.seq), "{copied:?}");
    rewind(&shard.config, &Checkpoint { epoch: Epoch(1), ..at }, &then, None).unwrap();
    shard.stores = Stores::open(&shard.config);
    assert_eq!(shard.stores.of(stream).incoming(stream).unwrap().get(&open.subject), None);
    let leftovers = shard.stores.of(Stream::Users).leftovers().unwrap();
    assert!(leftovers.iter().any(|it| it.subject == open.subject && it.left == at.seq), "{leftovers:?}");
}

/// Rewritten rows say that they last changed at the fork, so that they are counted only.
fn owned_alike(databases: &Databases, shards: &mut [Follows], map: &ShardMap) {
    for shard in shards {
        let database = shard.config.place().rsplit('/').next().unwrap().to_owned();
        let query = |sql: &str| databases.server.query(&database, sql).unwrap();
        for table in ["orders", "order_fills", "positions", "ledger", "balances"] {
            let (all, owned) = (
                query(&format!("SELECT count(*) FROM {table}")),
                query(&format!("SELECT count(*) FROM owned_{table}")),
            );
            assert_eq!(all, owned, "{table} of {:?}", shard.id);
        }
        assert!(map.shard(shard.id).is_some());
    }
}

/// The rows of a subject, in an order that does not depend on the store.
fn its(rows: &[StoredRow], subject: Subject) -> Vec<String> {
    let outside: Vec<_> = rows.iter().filter_map(|row| own_movement(row, subject)).collect();
    let its = rows.iter().filter(|row| is_of(row, subject, &outside));
    let mut rows: Vec<_> = its.map(|row| format!("{row:?}")).collect();
    rows.sort();
    rows
}
