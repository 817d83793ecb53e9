//! Simulated traders: makers quote around a wandering price and withdraw old quotes, takers cross the spread.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use domain::command::cancel_order::CancelOrder;
use domain::command::place_order::PlaceOrder;
use domain::command::{Action, Command, Envelope, NotTaken, OrderRef};
use domain::ids::{AssetId, SymbolId, UserId};
use domain::instrument::{Fees, Step, SymbolLimits};
use domain::order::{MarketSize, OrderKind, Side, TimeInForce};
use domain::text::ClientOrderId;
use domain::units::{Amount, Lots, Ppm, Ticks};
use sequencer::batch::ReplyTo;
use sequencer::queue::Entrance;

use crate::console::{Console, NewSymbol};
use crate::meter::Meter;
use crate::random::Random;

const MAKERS: u32 = 40;
const TAKERS: u32 = 160;
/// Quotes a maker keeps on a symbol.
const QUOTES_MAX: usize = 20;
/// How far from the middle makers quote, in ticks.
const SPREAD_TICKS: u64 = 100;
/// Minor units each trader begins with, of each asset.
const FUNDS: Amount = Amount(1_000_000_000_000_000_000);
/// Shortest sleep: orders due meanwhile go out together.
const TICK: Duration = Duration::from_micros(500);

/// Symbol, its base asset, and the price in ticks it starts at.
const SYMBOLS: [(&str, &str, u64); 3] =
    [("BTCUSDT", "BTC", 6_500_000), ("ETHUSDT", "ETH", 250_000), ("SOLUSDT", "SOL", 15_000)];

#[derive(Debug)]
struct Market {
    symbol: SymbolId,
    middle: u64,
    /// Makers' quotes, oldest first.
    quotes: VecDeque<(UserId, ClientOrderId)>,
}

/// All simulated traders.
#[derive(Debug)]
pub(crate) struct Traders {
    entrance: Entrance,
    meter: Arc<Meter>,
    random: Random,
    quote: AssetId,
    markets: Vec<Market>,
    first_maker: u32,
    sent: u64,
}

impl Traders {
    /// Lists assets and symbols and opens the traders' accounts.
    pub(crate) fn set_up(console: &Console, entrance: Entrance, meter: Arc<Meter>, seed: u64) -> anyhow::Result<Self> {
        let quote = console.asset("USDT", 8)?;
        let mut assets = vec![quote];
        let mut markets = Vec::new();
        for (code, base, middle) in SYMBOLS {
            let base = console.asset(base, 8)?;
            assets.push(base);
            let symbol = console.symbol(&NewSymbol {
                code,
                base,
                quote,
                tick_size: Step { mantissa: 1, scale: 2 },
                lot_size: Step { mantissa: 1, scale: 4 },
                limits: SymbolLimits { notional_min: Amount(100_000_000), ..SymbolLimits::WIDEST },
                fees: Fees { maker: Ppm(200), taker: Ppm(500) },
            })?;
            markets.push(Market { symbol, middle, quotes: VecDeque::new() });
        }
        let mut first_maker = 0;
        for number in 0..MAKERS + TAKERS {
            let user = console.user()?;
            if number == 0 {
                first_maker = user.0;
            }
            for asset in &assets {
                console.deposit(user, *asset, FUNDS)?;
            }
        }
        Ok(Self { entrance, meter, random: Random::new(seed), quote, markets, first_maker, sent: 0 })
    }

    /// The asset everything is paid in.
    pub(crate) fn quote(&self) -> AssetId {
        self.quote
    }

    /// Sends `rate` orders a second, each at its time or as soon as possible after it, until told to stop.
    pub(crate) fn run(mut self, rate: u64, stop: &AtomicBool) -> anyhow::Result<()> {
        let begun = self.meter.now();
        let interval = 1_000_000_000 / rate.max(1);
        let mut number = 0_u64;
        while !stop.load(Ordering::Acquire) {
            let due = begun + number * interval;
            let now = self.meter.now();
            if now < due {
                std::thread::sleep(Duration::from_nanos(due - now).max(TICK));
                continue;
            }
            let (user, action) = self.next();
            self.meter.expect(self.sent, due);
            let command = Command { envelope: Envelope { user, ..Envelope::VENUE }, action };
            match self.entrance.submit(command, ReplyTo::Sink { sink: 0, token: self.sent }) {
                Ok(()) => self.sent += 1,
                // As a client would: leave it, and try again with the next order.
                Err(NotTaken::Overloaded) => std::thread::sleep(TICK),
                Err(NotTaken::ShuttingDown) => return Ok(()),
                Err(refused) => anyhow::bail!("the venue does not take orders: {refused:?}"),
            }
            number += 1;
        }
        Ok(())
    }

    fn next(&mut self) -> (UserId, Action) {
        let index = usize::try_from(self.random.below(3)).expect("below three");
        let choice = self.random.below(100);
        let side = if self.random.below(2) == 0 { Side::Buy } else { Side::Sell };
        let name = ClientOrderId::new(&format!("demo-{}", self.sent)).expect("letters and digits");
        let market = &mut self.markets[index];
        if choice < 5 {
            market.middle = market.middle.saturating_add_signed(if side == Side::Buy { 3 } else { -3 });
        }
        if choice < 15 {
            let taker =
                UserId(self.first_maker + MAKERS + u32::try_from(self.random.below(TAKERS.into())).expect("small"));
            let size = MarketSize::Quantity(Lots(100 + self.random.below(1_000)));
            return (taker, place(market.symbol, side, OrderKind::Market { size }, name));
        }
        if market.quotes.len() >= QUOTES_MAX * usize::try_from(MAKERS).expect("small") {
            let (maker, order) = market.quotes.pop_front().expect("there are quotes");
            let cancel = CancelOrder { symbol: market.symbol, order: OrderRef::Client(order) };
            return (maker, Action::CancelOrder(cancel));
        }
        let maker = UserId(self.first_maker + u32::try_from(self.random.below(MAKERS.into())).expect("small"));
        let away = 1 + self.random.below(SPREAD_TICKS);
        let price = Ticks(match side {
            Side::Buy => market.middle - away,
            Side::Sell => market.middle + away,
        });
        let quantity = Lots(500 + self.random.below(5_000));
        market.quotes.push_back((maker, name));
        let kind = OrderKind::Limit { price, quantity, time_in_force: TimeInForce::GoodTilCanceled };
        (maker, place(market.symbol, side, kind, name))
    }
}

fn place(symbol: SymbolId, side: Side, kind: OrderKind, client_order_id: ClientOrderId) -> Action {
    Action::PlaceOrder(PlaceOrder { symbol, side, kind, client_order_id })
}
