//! A block of commands comes out as its commands one by one, whatever they ask: fetching ahead changes nothing.

use domain::command::amend_order::AmendOrder;
use domain::command::cancel_all::CancelAll;
use domain::command::cancel_order::CancelOrder;
use domain::command::create_asset::CreateAsset;
use domain::command::create_symbol::CreateSymbol;
use domain::command::create_user::CreateUser;
use domain::command::deposit::Deposit;
use domain::command::place_order::PlaceOrder;
use domain::command::replace_order::{ReplaceMode, ReplaceOnlyIf, ReplaceOrder};
use domain::command::{Action, Command, Envelope, OrderRef, Request, RequestContent, Sequenced};
use domain::ids::{AssetId, OrderId, SymbolId, UserId};
use domain::instrument::{Fees, Step, SymbolLimits};
use domain::order::{MarketSize, OrderKind, Side, TimeInForce};
use domain::text::{AssetCode, ClientOrderId, RequestId, SymbolCode};
use domain::units::{Amount, Lots, Ppm, Seq, Ticks, UnixNanos};
use engine::Engine;

const USERS: u64 = 6;
const SYMBOLS: u64 = 3;

#[test]
fn a_block_is_its_commands_one_by_one() {
    for seed in 1..=4 {
        let mut random = Random(seed);
        let commands = commands(&mut random, 20_000);
        let (mut single, mut single_events, mut single_ends) = (Engine::new(0), Vec::new(), Vec::new());
        for command in &commands {
            single.apply(command, &mut single_events);
            single_ends.push(u32::try_from(single_events.len()).expect("the test is small"));
        }
        let (mut block, mut events, mut ends) = (Engine::new(0), Vec::new(), Vec::new());
        let mut rest = commands.as_slice();
        while !rest.is_empty() {
            let len = usize::try_from(random.below(70)).expect("the test is small").min(rest.len());
            let (now, later) = rest.split_at(len);
            block.apply_block(now, &mut events, &mut ends);
            rest = later;
        }
        block.check();
        assert_eq!(ends, single_ends, "seed {seed}");
        assert!(events == single_events, "seed {seed}");
        assert!(block.state() == single.state(), "seed {seed}");
        let restored = Engine::from_state(&block.state()).expect("the test is small");
        assert!(restored.state() == single.state(), "seed {seed}");
    }
}

fn commands(random: &mut Random, count: usize) -> Vec<Sequenced<Command>> {
    let mut requests = vec![
        RequestContent::CreateAsset(CreateAsset { code: AssetCode::new("USDT").expect("the test is small"), scale: 8 }),
        RequestContent::CreateAsset(CreateAsset { code: AssetCode::new("BTC").expect("the test is small"), scale: 8 }),
    ];
    for symbol in 0..SYMBOLS {
        requests.push(RequestContent::CreateSymbol(Box::new(CreateSymbol {
            code: SymbolCode::new(&format!("BTCUSDT{symbol}")).expect("the test is small"),
            base: AssetId(1),
            quote: AssetId(0),
            tick_size: Step { mantissa: 1, scale: 2 },
            lot_size: Step { mantissa: 1, scale: 4 },
            limits: SymbolLimits::WIDEST,
            fees: Fees { maker: Ppm(500), taker: Ppm(1_000) },
        })));
    }
    for user in 1..=u32::try_from(USERS).expect("the test is small") {
        requests.push(RequestContent::CreateUser(CreateUser));
        for asset in [AssetId(0), AssetId(1)] {
            requests.push(RequestContent::Deposit(Deposit {
                user: UserId(user),
                asset,
                amount: Amount(1_000_000_000_000),
            }));
        }
    }
    let setup = requests.into_iter().enumerate().map(|(index, content)| {
        let id = RequestId::new(&format!("setup-{index}")).expect("the test is small");
        (UserId::VENUE, Action::Request(Request { id, content }))
    });
    let mut all: Vec<_> = setup.collect();
    all.extend(std::iter::repeat_with(|| trading(random)).take(count));
    let sequenced = all.into_iter().zip(1_u64..).map(|((user, action), number)| Sequenced {
        seq: Seq(number),
        time: UnixNanos(number * 20_000_000),
        content: Command { envelope: Envelope { user, ..Envelope::VENUE }, action },
    });
    sequenced.collect()
}

/// Anything but sensible: few users, few names, ids that may or may not exist, symbols and users that do not.
fn trading(random: &mut Random) -> (UserId, Action) {
    let user = UserId(random.below_u32(USERS + 2));
    let symbol = SymbolId(random.below_u32(SYMBOLS + 1));
    let action = match random.below(20) {
        0..11 => Action::PlaceOrder(place(random, symbol)),
        11..15 => Action::CancelOrder(CancelOrder { symbol, order: order(random) }),
        15..17 => Action::AmendOrder(AmendOrder {
            symbol,
            order: order(random),
            quantity: Lots(random.below(60)),
            new_client_order_id: (random.below(2) == 0).then(|| name(random)),
        }),
        17..19 => Action::ReplaceOrder(Box::new(ReplaceOrder {
            cancel: order(random),
            only_if: ReplaceOnlyIf::Open,
            mode: if random.below(2) == 0 { ReplaceMode::StopOnFailure } else { ReplaceMode::AllowFailure },
            place: place(random, symbol),
        })),
        _ if random.below(10) == 0 => Action::CancelAll(CancelAll { symbol: None }),
        _ => Action::CancelAll(CancelAll { symbol: Some(symbol) }),
    };
    (user, action)
}

fn place(random: &mut Random, symbol: SymbolId) -> PlaceOrder {
    let side = if random.below(2) == 0 { Side::Buy } else { Side::Sell };
    let quantity = Lots(1 + random.below(100));
    let time_in_force = match random.below(6) {
        0 => TimeInForce::ImmediateOrCancel,
        1 => TimeInForce::FillOrKill,
        2 => TimeInForce::PostOnly,
        _ => TimeInForce::GoodTilCanceled,
    };
    let kind = match random.below(12) {
        0 => OrderKind::Market { size: MarketSize::Quantity(quantity) },
        1 => OrderKind::Market { size: MarketSize::Quote(Amount(i128::from(random.below(1_000_000_000)))) },
        _ => OrderKind::Limit { price: Ticks(900 + random.below(200)), quantity, time_in_force },
    };
    PlaceOrder { symbol, side, kind, client_order_id: name(random) }
}

fn order(random: &mut Random) -> OrderRef {
    if random.below(2) == 0 { OrderRef::Client(name(random)) } else { OrderRef::Id(OrderId(random.below(9_000))) }
}

fn name(random: &mut Random) -> ClientOrderId {
    ClientOrderId::new(&format!("name-{}", random.below(300))).expect("the test is small")
}

struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        u64::try_from((u128::from(self.0) * u128::from(limit)) >> 64).expect("the test is small")
    }

    fn below_u32(&mut self, limit: u64) -> u32 {
        u32::try_from(self.below(limit)).expect("the test is small")
    }
}
