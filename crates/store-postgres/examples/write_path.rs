//! How fast the write path is: three streams side by side into one server, in seconds and in CPU time of both ends.
//!
//! `cargo run --release -p store-postgres --example write_path -- COMMANDS BATCH [URL]`
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a measurement that cannot go on should stop")]
#![allow(clippy::cast_precision_loss, reason = "figures for people")]

use std::time::Instant;

use domain::command::cancel_order::CancelOrder;
use domain::command::create_asset::CreateAsset;
use domain::command::create_symbol::CreateSymbol;
use domain::command::create_user::CreateUser;
use domain::command::deposit::Deposit;
use domain::command::place_order::PlaceOrder;
use domain::command::{Action, Command, Envelope, OrderRef, Request, RequestContent, Sequenced};
use domain::event::Event;
use domain::ids::{AssetId, Checkpoint, Hash256, SymbolId, UserId, VenueId};
use domain::instrument::{Fees, Step, SymbolLimits};
use domain::order::{OrderKind, Side, TimeInForce};
use domain::text::{ClientOrderId, Text};
use domain::units::{Amount, Epoch, Lots, Ppm, Seq, Ticks, UnixNanos};
use engine::Engine;
use pg_cluster::options::Options;
use pg_cluster::server::Server;
use projector::batch::{Batch, Stream};
use projector::block::{BlockInfo, CommittedBlock};
use projector::fold::Projector;
use projector::store::{Outcome, Store};
use projector::words::Word;
use store_postgres::config::PostgresConfig;
use store_postgres::store::{PostgresStore, STREAMS};

const USERS: u32 = 1_000;
const SYMBOLS: u32 = 10;
const BLOCK: usize = 256;
const MID: u64 = 1_000_000;

/// `SplitMix64`.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }
}

fn text<const N: usize>(text: &str) -> Text<N> {
    Text::new(text).unwrap()
}

/// Half resting limit orders, four in ten cancels of any of 10,000 open ones, one in ten crossing.
struct Flow {
    dice: Dice,
    seq: u64,
    open: Vec<(u32, u32, ClientOrderId)>,
}

impl Flow {
    fn sequenced(&mut self, user: u32, action: Action) -> Sequenced<Command> {
        self.seq += 1;
        let envelope = Envelope { user: UserId(user), ..Envelope::VENUE };
        let time = UnixNanos(1_700_000_000_000_000_000 + self.seq * 20_000);
        Sequenced { seq: Seq(self.seq), time, content: Command { envelope, action } }
    }

    fn request(&mut self, content: RequestContent) -> Sequenced<Command> {
        let id = text(&format!("r{}", self.seq));
        self.sequenced(0, Action::Request(Request { id, content }))
    }

    fn opening(&mut self) -> Vec<Sequenced<Command>> {
        let mut commands = Vec::new();
        for asset in 0..=SYMBOLS {
            commands.push(
                self.request(RequestContent::CreateAsset(CreateAsset { code: text(&format!("A{asset}")), scale: 8 })),
            );
        }
        for symbol in 0..SYMBOLS {
            commands.push(self.request(RequestContent::CreateSymbol(Box::new(CreateSymbol {
                code: text(&format!("A{}A0", symbol + 1)),
                base: AssetId(symbol + 1),
                quote: AssetId(0),
                tick_size: Step { mantissa: 1, scale: 2 },
                lot_size: Step { mantissa: 1, scale: 4 },
                limits: SymbolLimits::WIDEST,
                fees: Fees { maker: Ppm(1_000), taker: Ppm(2_000) },
            }))));
        }
        for user in 1..=USERS {
            commands.push(self.request(RequestContent::CreateUser(CreateUser)));
            for asset in 0..=SYMBOLS {
                let deposit = Deposit {
                    user: UserId(user),
                    asset: AssetId(asset),
                    amount: Amount(1_000_000_000_000_000_000_000),
                };
                commands.push(self.request(RequestContent::Deposit(deposit)));
            }
        }
        commands
    }

    fn next(&mut self) -> Sequenced<Command> {
        let draw = self.dice.below(10);
        if draw < 4 && self.open.len() > 10_000 {
            let index = usize::try_from(self.dice.below(self.open.len() as u64)).unwrap();
            let (user, symbol, name) = self.open.swap_remove(index);
            let order = OrderRef::Client(name);
            return self.sequenced(user, Action::CancelOrder(CancelOrder { symbol: SymbolId(symbol), order }));
        }
        let user = 1 + u32::try_from(self.dice.below(USERS.into())).unwrap();
        let symbol = u32::try_from(self.dice.below(SYMBOLS.into())).unwrap();
        let buys = self.dice.below(2) == 0;
        let away = 1 + self.dice.below(500);
        let crosses = draw == 9;
        let client_order_id = text(&format!("web_{:016x}", self.seq.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
        let distance = if crosses { 600 } else { away };
        // A crossing buyer offers more than any seller asks; a resting one less than the middle.
        let price = if buys == crosses { MID + distance } else { MID - distance };
        let time_in_force = if crosses { TimeInForce::ImmediateOrCancel } else { TimeInForce::GoodTilCanceled };
        let kind = OrderKind::Limit { price: Ticks(price), quantity: Lots(1 + self.dice.below(100)), time_in_force };
        if !crosses {
            self.open.push((user, symbol, client_order_id));
        }
        let side = if buys { Side::Buy } else { Side::Sell };
        self.sequenced(user, Action::PlaceOrder(PlaceOrder { symbol: SymbolId(symbol), side, kind, client_order_id }))
    }
}

fn hash(seq: Seq) -> Hash256 {
    let mut bytes = [1; 32];
    bytes[..8].copy_from_slice(&seq.0.to_le_bytes());
    Hash256(bytes)
}

fn block(engine: &mut Engine, commands: Vec<Sequenced<Command>>) -> CommittedBlock {
    let (first, last) = (commands[0].seq, commands[commands.len() - 1].seq);
    let (venue, epoch) = (VenueId([7; 16]), Epoch(1));
    let mut block =
        CommittedBlock::new(BlockInfo { venue, epoch, first, last, journal: hash(last), events: hash(last) });
    for command in commands {
        let mut events: Vec<Event> = Vec::new();
        engine.apply(&command, &mut events);
        block.push(command, events);
    }
    block
}

/// CPU seconds of a process with its threads.
fn cpu_s(process: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or("").split_whitespace().collect();
    let ticks = |index: usize| fields.get(index).and_then(|field| field.parse::<f64>().ok()).unwrap_or(0.0);
    (ticks(11) + ticks(12)) / 100.0
}

/// The server's processes.
fn server_cpu_s(postmaster: Option<u32>) -> f64 {
    let Some(postmaster) = postmaster else { return 0.0 };
    let children =
        std::fs::read_to_string(format!("/proc/{postmaster}/task/{postmaster}/children")).unwrap_or_default();
    children.split_whitespace().filter_map(|child| child.parse().ok()).map(cpu_s).sum()
}

/// The batches of a stream: what opens the venue, and the flow after it.
fn fold(stream: Stream, blocks: &[CommittedBlock], batch_blocks: usize) -> (Batch, Vec<Batch>) {
    let origin = Checkpoint { venue: VenueId([7; 16]), epoch: Epoch(5), seq: Seq::ZERO, hash: Hash256::default() };
    let mut projector = Projector::new(stream, origin, Epoch(5));
    projector.push(&blocks[0]).unwrap();
    let first = projector.take().unwrap();
    let mut rest = Vec::new();
    for chunk in blocks[1..].chunks(batch_blocks) {
        for block in chunk {
            projector.push(block).unwrap();
        }
        rest.extend(projector.take());
    }
    (first, rest)
}

fn write(store: &mut PostgresStore, stream: Stream, batches: &[Batch]) {
    let (started, mut rows, mut slowest) = (Instant::now(), 0, 0.0_f64);
    for batch in batches {
        let begun = Instant::now();
        assert_eq!(store.commit(batch), Outcome::Committed);
        slowest = slowest.max(begun.elapsed().as_secs_f64());
        rows += batch.rows.count();
    }
    let seconds = started.elapsed().as_secs_f64();
    println!(
        "{stream:?}: {rows} rows in {seconds:.2} s, {:.0} a second; slowest batch {:.0} ms",
        rows as f64 / seconds,
        slowest * 1e3
    );
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let count: usize = arguments.first().map_or(400_000, |count| count.parse().unwrap());
    let batch_size: usize = arguments.get(1).map_or(8_192, |size| size.parse().unwrap());
    let settings = Options::default().with("shared_buffers", "512MB").with("max_wal_size", "4GB");
    let server =
        arguments.get(2).is_none().then(|| Server::temporary(&settings.with("wal_compression", "lz4")).unwrap());
    let url = server.as_ref().map_or_else(
        || arguments[2].clone(),
        |server| {
            server.create_database("measured").unwrap();
            server.url("measured")
        },
    );
    let config = PostgresConfig::new(&url, None).unwrap();

    let mut flow = Flow { dice: Dice(1), seq: 0, open: Vec::new() };
    let mut engine = Engine::new(1);
    let mut blocks = vec![block(&mut engine, flow.opening())];
    let mut orders = 0;
    for _ in 0..count / BLOCK {
        let commands: Vec<_> = (0..BLOCK).map(|_| flow.next()).collect();
        orders += commands.iter().filter(|command| matches!(command.content.action, Action::PlaceOrder(_))).count();
        blocks.push(block(&mut engine, commands));
    }
    let mut writers = Vec::new();
    for stream in STREAMS {
        let (first, rest) = fold(stream, &blocks, (batch_size / BLOCK).max(1));
        let mut store = PostgresStore::open(config.clone(), stream).unwrap();
        assert_eq!(store.commit(&first), Outcome::Committed);
        writers.push((store, stream, rest));
    }
    let only = std::env::var("ONLY").unwrap_or_default();
    writers.retain(|(_, stream, _)| only.is_empty() || stream.word() == only);

    let postmaster = server.as_ref().and_then(Server::process_id);
    let (client_before, server_before, started) = (cpu_s(std::process::id()), server_cpu_s(postmaster), Instant::now());
    std::thread::scope(|scope| {
        for (store, stream, rest) in &mut writers {
            scope.spawn(move || write(store, *stream, rest));
        }
    });
    let (seconds, commands) = (started.elapsed().as_secs_f64(), count as f64);
    let (client, at_server) = (cpu_s(std::process::id()) - client_before, server_cpu_s(postmaster) - server_before);
    println!("{count} commands, of which {orders} place orders, in {seconds:.2} s");
    println!("{:.0} commands/s, {:.0} placed orders/s", commands / seconds, orders as f64 / seconds);
    println!("CPU of the client {client:.2} s, {:.1} us a command", client * 1e6 / commands);
    println!("CPU of the server {at_server:.2} s, {:.1} us a command", at_server * 1e6 / commands);
}
