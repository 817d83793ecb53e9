//! Commands from a seed.
//!
//! A list is made in advance, without looking at any answer, so that any part of it is again a list that can be run:
//! that is what makes a failure small.

mod small;
mod shards;
mod flow;

use domain::command::create_asset::CreateAsset;
use domain::command::create_symbol::CreateSymbol;
use domain::command::create_user::CreateUser;
use domain::command::deposit::Deposit;
use domain::command::{Action, Command, Envelope, Request, RequestContent, Sequenced};
use domain::ids::{AssetId, UserId};
use domain::instrument::{Fees, Step, SymbolLimits};
use domain::text::Text;
use domain::units::{Amount, Ppm, Seq, UnixNanos};

use crate::random::Random;

/// The cell whose order ids the commands guess at.
pub const CELL: u64 = 1;

/// What the commands are like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Profile {
    /// Adversarial: few users, symbols, prices and names, odd values, everything at once.
    Small,
    /// As [`Profile::Small`], and symbols and users move between shards.
    Shards,
    /// Like a real day: many small orders near the market, most of them canceled.
    Flow,
}

/// A command with its block time; its sequence is its place in the list.
#[derive(Debug, Clone)]
pub struct Timed {
    /// Block time.
    pub time: UnixNanos,
    /// The command.
    pub command: Command,
}

/// So many commands of this seed.
pub fn generate(profile: Profile, seed: u64, count: usize) -> Vec<Timed> {
    let mut writer = Writer::new(seed);
    match profile {
        Profile::Small => small::write(&mut writer, count, small::NOTES),
        Profile::Shards => small::write(&mut writer, count, small::SHARDS),
        Profile::Flow => flow::write(&mut writer, count),
    }
    writer.commands.truncate(count);
    writer.commands
}

/// The commands with their sequences.
pub fn sequenced(commands: &[Timed]) -> impl Iterator<Item = Sequenced<Command>> {
    let seqs = (1_u64..).map(Seq);
    seqs.zip(commands).map(|(seq, timed)| Sequenced { seq, time: timed.time, content: timed.command.clone() })
}

/// What both profiles write with.
struct Writer {
    random: Random,
    now: UnixNanos,
    commands: Vec<Timed>,
    requests: u64,
    orders: u64,
    ranges: Ranges,
}

/// From how many values the adversarial profile draws: the fewer, the more often the same comes again.
struct Ranges {
    /// Ticks on either side of 100.
    prices: u64,
    /// Lots.
    quantities: u64,
    /// Client order ids.
    names: u64,
    /// Whether amounts are as large as they can be.
    huge: bool,
}

impl Writer {
    fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let ranges = Ranges {
            prices: random.pick(&[1, 3, 10]),
            quantities: random.pick(&[2, 5, 20]),
            names: random.pick(&[3, 8, 30]),
            huge: random.chance(250),
        };
        let now = UnixNanos(1_700_000_000_000_000_000);
        Self { random, now, commands: Vec::new(), requests: 0, orders: 0, ranges }
    }

    fn write(&mut self, envelope: Envelope, action: Action) {
        match action {
            Action::PlaceOrder(_) | Action::ReplaceOrder(_) => self.orders += 1,
            Action::CancelOrder(_)
            | Action::AmendOrder(_)
            | Action::CancelAll(_)
            | Action::Request(_)
            | Action::Note(_) => {}
        }
        self.commands.push(Timed { time: self.now, command: Command { envelope, action } });
    }

    /// A request of the venue under a new id.
    fn request(&mut self, content: RequestContent) {
        self.requests += 1;
        let id = text(&format!("r{}", self.requests));
        self.write(Envelope::VENUE, Action::Request(Request { id, content }));
    }

    fn list_asset(&mut self, code: &str, scale: u8) {
        self.request(RequestContent::CreateAsset(CreateAsset { code: text(code), scale }));
    }

    fn list_symbol(&mut self, code: &str, assets: (u32, u32), steps: (Step, Step), limits: SymbolLimits, fees: Fees) {
        self.request(RequestContent::CreateSymbol(Box::new(CreateSymbol {
            code: text(code),
            base: AssetId(assets.0),
            quote: AssetId(assets.1),
            tick_size: steps.0,
            lot_size: steps.1,
            limits,
            fees,
        })));
    }

    fn open_account(&mut self) {
        self.request(RequestContent::CreateUser(CreateUser));
    }

    fn deposit(&mut self, user: u32, asset: u32, amount: i128) {
        let deposit = Deposit { user: UserId(user), asset: AssetId(asset), amount: Amount(amount) };
        self.request(RequestContent::Deposit(deposit));
    }
}

fn envelope(user: u32) -> Envelope {
    Envelope { user: UserId(user), ..Envelope::VENUE }
}

fn fees(maker: u32, taker: u32) -> Fees {
    Fees { maker: Ppm(maker), taker: Ppm(taker) }
}

fn step(mantissa: u64, scale: u8) -> Step {
    Step { mantissa, scale }
}

fn text<const N: usize>(text: &str) -> Text<N> {
    Text::new(text).expect("the generator writes short names")
}
