//! A steady mixed flow for benchmarks and torture, endless and without feedback: 10 % rest near the touch, 40 % rest away from
//! it, 40 % cancel one of those, 10 % cross the spread and take what rests near. Prices cluster at the touch.

use clap::Args as ClapArgs;
use domain::command::cancel_order::CancelOrder;
use domain::command::create_user::CreateUser;
use domain::command::deposit::Deposit;
use domain::command::place_order::PlaceOrder;
use domain::command::{Action, Command, Envelope, OrderRef, RequestContent};
use domain::ids::{AssetId, SymbolId, UserId};
use domain::instrument::{Fees, Step, SymbolLimits};
use domain::order::{OrderKind, Side, TimeInForce};
use domain::text::ClientOrderId;
use domain::units::{Amount, Lots, Ppm, Ticks};

use crate::console::{Console, NewSymbol};
use crate::random::Random;

/// The middle of every book, in ticks.
const MIDDLE: u64 = 50_000;
/// Orders within so many ticks of the middle are taken by crossing ones.
const NEAR_TICKS: u64 = 100;
/// Orders beyond are only ever canceled.
const FAR_TICKS: u64 = 2_000;
/// Of a hundred commands of an even flow, those that place an order; the others cancel one.
pub(crate) const PLACED_PERCENT: u64 = 60;
/// Minor units each user begins with, of each asset.
const FUNDS: Amount = Amount(1_000_000_000_000_000_000);

/// How large the flow's world is.
#[derive(Debug, Clone, Copy, ClapArgs)]
pub(crate) struct World {
    /// Users.
    #[arg(long, default_value_t = 10_000)]
    pub(crate) users: u32,
    /// Symbols.
    #[arg(long, default_value_t = 10)]
    pub(crate) symbols: u32,
    /// Orders that rest before cancels begin.
    #[arg(long, default_value_t = 100_000)]
    pub(crate) resting: usize,
    /// Seed of the flow.
    #[arg(long, default_value_t = 7)]
    pub(crate) seed: u64,
}

impl World {
    /// Lists the symbols and opens the accounts of an empty venue; the flow that trades them.
    pub(crate) fn set_up(self, console: &Console) -> anyhow::Result<Load> {
        let quote = console.asset("USDT", 8)?;
        let mut assets = vec![quote];
        let mut symbols = Vec::new();
        for number in 0..self.symbols {
            let base = console.asset(&format!("C{number}"), 8)?;
            assets.push(base);
            symbols.push(console.symbol(&NewSymbol {
                code: &format!("C{number}USDT"),
                base,
                quote,
                tick_size: Step { mantissa: 1, scale: 2 },
                lot_size: Step { mantissa: 1, scale: 4 },
                limits: SymbolLimits::WIDEST,
                fees: Fees { maker: Ppm(200), taker: Ppm(500) },
            })?);
        }
        let first = console.user()?;
        for _ in 1..self.users {
            console.post(RequestContent::CreateUser(CreateUser))?;
        }
        for user in first.0..first.0 + self.users {
            for asset in &assets {
                let (user, asset, amount) = (UserId(user), *asset, FUNDS);
                console.post(RequestContent::Deposit(Deposit { user, asset, amount }))?;
            }
        }
        // Everything before it is done once this is answered.
        console.deposit(first, AssetId(quote.0), FUNDS)?;
        Ok(Load::new(self, first, symbols))
    }
}

/// The flow.
#[derive(Debug)]
pub(crate) struct Load {
    world: World,
    first_user: UserId,
    symbols: Vec<SymbolId>,
    random: Random,
    sent: u64,
    /// Orders away from the touch that rest: whose, where, and the number in the name.
    far: Vec<(UserId, SymbolId, u64)>,
}

impl Load {
    fn new(world: World, first_user: UserId, symbols: Vec<SymbolId>) -> Self {
        Self { world, first_user, symbols, random: Random::new(world.seed), sent: 0, far: Vec::new() }
    }

    /// The same flow whose first command has this number.
    pub(crate) fn numbered_from(mut self, number: u64) -> Self {
        self.sent = number;
        self
    }

    /// Everybody who trades.
    pub(crate) fn users(&self) -> impl Iterator<Item = UserId> + use<> {
        let first = self.first_user.0;
        (first..first + self.world.users).map(UserId)
    }

    /// Whether so many orders rest that cancels have begun: from here on the flow is even.
    pub(crate) fn is_even(&self) -> bool {
        self.far.len() >= self.world.resting
    }

    /// The next command; its client order id, if it places an order, is `name_of` the count of commands before it.
    pub(crate) fn next(&mut self) -> Command {
        let number = self.sent;
        self.sent += 1;
        let choice = self.random.below(100);
        if choice >= PLACED_PERCENT && self.far.len() >= self.world.resting {
            let index = usize::try_from(self.random.below(u64::try_from(self.far.len()).unwrap_or(1))).unwrap_or(0);
            let (user, symbol, placed) = self.far.swap_remove(index);
            let order = OrderRef::Client(name_of(placed));
            return of(user, Action::CancelOrder(CancelOrder { symbol, order }));
        }
        let user = UserId(self.first_user.0 + u32::try_from(self.random.below(self.world.users.into())).unwrap_or(0));
        let symbol = self.random.below(u64::try_from(self.symbols.len()).unwrap_or(1));
        let symbol = self.symbols[usize::try_from(symbol).unwrap_or(0)];
        let side = if self.random.below(2) == 0 { Side::Buy } else { Side::Sell };
        let quantity = Lots(1 + self.random.below(100));
        let (away, time_in_force) = match choice {
            0..10 => (1 + self.random.below(NEAR_TICKS), TimeInForce::GoodTilCanceled),
            10..20 => (NEAR_TICKS, TimeInForce::ImmediateOrCancel),
            _ => (self.far_away(), TimeInForce::GoodTilCanceled),
        };
        if choice >= 20 {
            self.far.push((user, symbol, number));
        }
        let passive = (side == Side::Buy) == (time_in_force == TimeInForce::GoodTilCanceled);
        let price = Ticks(if passive { MIDDLE - away } else { MIDDLE + away });
        let kind = OrderKind::Limit { price, quantity, time_in_force };
        let client_order_id = name_of(number);
        of(user, Action::PlaceOrder(PlaceOrder { symbol, side, kind, client_order_id }))
    }

    /// Beyond what is taken, more often close than far.
    fn far_away(&mut self) -> u64 {
        let uniform = self.random.below(1 << 20);
        NEAR_TICKS + 1 + ((uniform * uniform) >> 20) * FAR_TICKS / (1 << 20)
    }
}

fn of(user: UserId, action: Action) -> Command {
    Command { envelope: Envelope { user, ..Envelope::VENUE }, action }
}

/// The client order id of the order that was the `number`-th command.
pub(crate) fn name_of(number: u64) -> ClientOrderId {
    let mut digits = *b"load-0000000000000000";
    let mut rest = number;
    for digit in digits.iter_mut().rev().take(16) {
        *digit = b"0123456789abcdef"[usize::try_from(rest % 16).unwrap_or(0)];
        rest /= 16;
    }
    ClientOrderId::from_bytes(&digits).expect("letters and digits")
}
