//! A history small enough to be read in a table by a person.

use domain::command::create_asset::CreateAsset;
use domain::command::create_symbol::CreateSymbol;
use domain::command::create_user::CreateUser;
use domain::command::deposit::Deposit;
use domain::command::place_order::PlaceOrder;
use domain::command::{Action, Command, Envelope, Request, RequestContent, Sequenced};
use domain::ids::{AssetId, SymbolId, UserId};
use domain::instrument::{Fees, Step, SymbolLimits};
use domain::order::{OrderKind, Side, TimeInForce};
use domain::text::Text;
use domain::units::{Amount, Lots, Ppm, Seq, Ticks, UnixNanos};

/// 2023-11-14 22:13:20.000000001 UTC.
const TIME: UnixNanos = UnixNanos(1_700_000_000_000_000_001);

/// Two users, 12.5 BTC and 1,000,000 USDT; an offer of 0.15 BTC at 65000.5, of which 0.1 is taken, with a fee of 0.1 %.
pub fn two_traders() -> Vec<Sequenced<Command>> {
    let mut script = Script::default();
    for (code, scale) in [("BTC", 8), ("USDT", 6)] {
        script.request(RequestContent::CreateAsset(CreateAsset { code: text(code), scale }));
    }
    script.request(RequestContent::CreateSymbol(Box::new(CreateSymbol {
        code: text("BTCUSDT"),
        base: AssetId(0),
        quote: AssetId(1),
        tick_size: Step { mantissa: 5, scale: 1 },
        lot_size: Step { mantissa: 1, scale: 2 },
        limits: SymbolLimits::WIDEST,
        fees: Fees { maker: Ppm(1_000), taker: Ppm(1_000) },
    })));
    for (user, asset, amount) in [(1, 0, 1_250_000_000), (2, 1, 1_000_000_000_000)] {
        script.request(RequestContent::CreateUser(CreateUser));
        let deposit = Deposit { user: UserId(user), asset: AssetId(asset), amount: Amount(amount) };
        script.request(RequestContent::Deposit(deposit));
    }
    script.limit(1, Side::Sell, 130_001, 15);
    script.limit(2, Side::Buy, 130_001, 10);
    script.0
}

#[derive(Default)]
struct Script(Vec<Sequenced<Command>>);

impl Script {
    fn push(&mut self, user: u32, action: Action) {
        let seq = Seq(u64::try_from(self.0.len()).expect("a count") + 1);
        let envelope = Envelope { user: UserId(user), ..Envelope::VENUE };
        self.0.push(Sequenced { seq, time: TIME, content: Command { envelope, action } });
    }

    fn request(&mut self, content: RequestContent) {
        let id = text(&format!("r{}", self.0.len()));
        self.push(0, Action::Request(Request { id, content }));
    }

    fn limit(&mut self, user: u32, side: Side, price: u64, quantity: u64) {
        let kind = OrderKind::Limit {
            price: Ticks(price),
            quantity: Lots(quantity),
            time_in_force: TimeInForce::GoodTilCanceled,
        };
        let client_order_id = text(&format!("c{}", self.0.len()));
        self.push(user, Action::PlaceOrder(PlaceOrder { symbol: SymbolId(0), side, kind, client_order_id }));
    }
}

fn text<const N: usize>(text: &str) -> Text<N> {
    Text::new(text).expect("a short name")
}
