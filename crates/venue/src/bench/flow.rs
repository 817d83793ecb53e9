//! The mixed flow of orders: half rest, four in ten cancel, one in ten crosses. It knows which orders are live, so that every
//! cancel means one; the answers of what it drives tell it.

use domain::command::cancel_order::CancelOrder;
use domain::command::create_asset::CreateAsset;
use domain::command::create_symbol::CreateSymbol;
use domain::command::create_user::CreateUser;
use domain::command::deposit::Deposit;
use domain::command::place_order::PlaceOrder;
use domain::command::{Action, OrderRef, Request, RequestContent};
use domain::event::Event;
use domain::ids::{AssetId, OrderId, SymbolId, UserId};
use domain::instrument::{Fees, Step as Size, SymbolLimits};
use domain::order::{OrderKind, Side, TimeInForce};
use domain::text::{AssetCode, ClientOrderId, RequestId, SymbolCode};
use domain::units::{Amount, Lots, Ppm, Ticks};

use crate::random::Random;

/// The price around which orders are placed.
const MID: u64 = 50_000;
/// How far from it they are at most; near it they are densest.
const SPREAD: u64 = 2_000;
/// Most orders are for this quantity.
const ROUND_LOT: u64 = 100;
/// Enough for any number of orders.
const DEPOSIT: Amount = Amount(1_000_000_000_000_000_000);

/// One order or cancel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Place an order that rests.
    Rest(Order),
    /// Place an order that trades at once, with about one maker; what is left expires.
    Cross(Order),
    /// Cancel a live order.
    Cancel(Live),
}

/// What is placed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Order {
    pub(crate) user: UserId,
    pub(crate) symbol: SymbolId,
    pub(crate) side: Side,
    pub(crate) price: Ticks,
    pub(crate) quantity: Lots,
}

/// An order that rests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Live {
    pub(crate) order: OrderId,
    pub(crate) user: UserId,
    pub(crate) symbol: SymbolId,
}

/// The flow. The same seed and the same answers make the same steps.
#[derive(Debug)]
pub(crate) struct Flow {
    random: Random,
    users: u32,
    symbols: u32,
    live: Vec<Live>,
    /// By the order's counter: its place in `live`.
    places: Vec<Option<u32>>,
    /// Orders placed.
    placed: u64,
}

impl Flow {
    /// Of users `1 ..= users` on symbols `0 .. symbols`.
    pub(crate) fn new(seed: u64, users: u32, symbols: u32) -> Self {
        Self { random: Random::new(seed), users, symbols, live: Vec::new(), places: Vec::new(), placed: 0 }
    }

    /// Orders that rest, as far as is known.
    pub(crate) fn live(&self) -> usize {
        self.live.len()
    }

    /// Memory that this takes, so that it is not counted as that of what is measured.
    pub(crate) fn bytes(&self) -> usize {
        self.live.capacity() * size_of::<Live>() + self.places.capacity() * size_of::<Option<u32>>()
    }

    /// The next of the mixed flow.
    pub(crate) fn mixed(&mut self) -> Step {
        match self.random.below(100) {
            0..50 => self.resting(),
            50..90 => match self.cancel() {
                Some(live) => Step::Cancel(live),
                None => self.resting(),
            },
            _ => Step::Cross(self.order(false)),
        }
    }

    /// An order that rests.
    pub(crate) fn resting(&mut self) -> Step {
        Step::Rest(self.order(true))
    }

    fn cancel(&mut self) -> Option<Live> {
        let index = self.random.below(u64::try_from(self.live.len()).ok()?);
        let live = *self.live.get(usize::try_from(index).ok()?)?;
        self.gone(live.order);
        Some(live)
    }

    fn order(&mut self, rests: bool) -> Order {
        let user = UserId(self.below(self.users) + 1);
        let symbol = SymbolId(self.below(self.symbols));
        let side = if self.random.below(2) == 0 { Side::Buy } else { Side::Sell };
        let part = self.random.below(1_000);
        let distance = if rests { 1 + part * part * SPREAD / 1_000_000 } else { SPREAD };
        let below = matches!((side, rests), (Side::Buy, true) | (Side::Sell, false));
        let price = Ticks(if below { MID - distance } else { MID + distance });
        let odd = self.random.below(10) == 0;
        let quantity = Lots(if odd { 1 + self.random.below(ROUND_LOT) } else { ROUND_LOT });
        self.placed += 1;
        Order { user, symbol, side, price, quantity }
    }

    /// Takes note of an order that rests.
    pub(crate) fn rested(&mut self, live: Live) {
        let counter = usize::try_from(live.order.counter()).expect("orders fit in memory");
        if self.places.len() <= counter {
            self.places.resize(counter + 1, None);
        }
        self.places[counter] = Some(u32::try_from(self.live.len()).expect("orders fit in memory"));
        self.live.push(live);
    }

    /// Takes note of an order that rests no longer; of one that never did, nothing.
    pub(crate) fn gone(&mut self, order: OrderId) {
        let counter = usize::try_from(order.counter()).expect("orders fit in memory");
        let Some(place) = self.places.get_mut(counter).and_then(Option::take) else { return };
        self.live.swap_remove(usize::try_from(place).expect("a place in a list"));
        if let Some(moved) = self.live.get(usize::try_from(place).expect("a place in a list")) {
            let counter = usize::try_from(moved.order.counter()).expect("orders fit in memory");
            self.places[counter] = Some(place);
        }
    }

    /// Takes note of what the engine answered to one step or to many.
    pub(crate) fn answered(&mut self, events: &[Event]) {
        for event in events {
            if let Event::OrderPlaced(placed) = event
                && let OrderKind::Limit { time_in_force: TimeInForce::GoodTilCanceled, .. } = placed.kind
            {
                self.rested(Live { order: placed.order, user: placed.user, symbol: placed.symbol });
            }
            if let Event::OrderFilled(filled) = event
                && filled.filled
            {
                self.gone(filled.order);
            }
            if let Event::OrderClosed(closed) = event {
                self.gone(closed.order);
            }
        }
    }

    fn below(&mut self, limit: u32) -> u32 {
        u32::try_from(self.random.below(limit.into())).expect("below 32 bits")
    }

    /// A step as a command of the venue.
    pub(crate) fn action(&self, step: &Step) -> (UserId, Action) {
        let place = |order: &Order, time_in_force| {
            let Order { user, symbol, side, price, quantity } = *order;
            let kind = OrderKind::Limit { price, quantity, time_in_force };
            let client_order_id = name(self.placed);
            (user, Action::PlaceOrder(PlaceOrder { symbol, side, kind, client_order_id }))
        };
        match step {
            Step::Rest(order) => place(order, TimeInForce::GoodTilCanceled),
            Step::Cross(order) => place(order, TimeInForce::ImmediateOrCancel),
            Step::Cancel(Live { order, user, symbol }) => {
                let order = OrderRef::Id(*order);
                (*user, Action::CancelOrder(CancelOrder { symbol: *symbol, order }))
            }
        }
    }
}

/// What the venue's own user asks for before the first order: assets, symbols, users, and money for all of them.
pub(crate) fn setup(users: u32, symbols: u32) -> impl Iterator<Item = Action> {
    let quote = CreateAsset { code: AssetCode::new("USDT").expect("a code"), scale: 8 };
    let base = |symbol| CreateAsset { code: AssetCode::new(&format!("B{symbol}")).expect("a code"), scale: 8 };
    let symbol = |symbol| CreateSymbol {
        code: SymbolCode::new(&format!("B{symbol}USDT")).expect("a code"),
        base: AssetId(symbol + 1),
        quote: AssetId(0),
        tick_size: Size { mantissa: 1, scale: 2 },
        lot_size: Size { mantissa: 1, scale: 4 },
        limits: SymbolLimits::WIDEST,
        fees: Fees { maker: Ppm(500), taker: Ppm(1_000) },
    };
    let deposits = (1..=users).flat_map(move |user| {
        (0..=symbols).map(move |asset| Deposit { user: UserId(user), asset: AssetId(asset), amount: DEPOSIT })
    });
    std::iter::once(quote)
        .chain((0..symbols).map(base))
        .map(RequestContent::CreateAsset)
        .chain((0..symbols).map(move |id| RequestContent::CreateSymbol(Box::new(symbol(id)))))
        .chain((0..users).map(|_| RequestContent::CreateUser(CreateUser)))
        .chain(deposits.map(RequestContent::Deposit))
        .enumerate()
        .map(|(index, content)| {
            Action::Request(Request { id: RequestId::new(&format!("setup-{index}")).expect("an id"), content })
        })
}

/// A client order id of the length that clients use.
fn name(number: u64) -> ClientOrderId {
    let mut text = *b"x-0000000000000000000000";
    let mut left = number;
    for digit in text.iter_mut().skip(2).rev() {
        *digit = b'0' + u8::try_from(left % 10).expect("a digit");
        left /= 10;
    }
    ClientOrderId::from_bytes(&text).expect("digits")
}
