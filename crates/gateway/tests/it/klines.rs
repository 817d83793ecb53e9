//! Klines are cut in UTC, stand still where nothing traded, and begin with the first trade.

use domain::command::create_asset::CreateAsset;
use domain::command::create_symbol::CreateSymbol;
use domain::command::create_user::CreateUser;
use domain::command::deposit::Deposit;
use domain::command::place_order::PlaceOrder;
use domain::command::{Action, Command, Envelope, RequestContent};
use domain::ids::{AssetId, SymbolId, UserId};
use domain::instrument::{Fees, Step, SymbolLimits};
use domain::order::{OrderKind, Side, TimeInForce};
use domain::text::Text;
use domain::units::{Amount, Lots, Ticks, UnixNanos};
use gateway::gateway::Settings;
use serde_json::Value;

use crate::venue::{Venue, own};

/// 2023-11-14 00:00:00, a Tuesday.
const DAY: u64 = 1_699_920_000;
const NOW: u64 = DAY + 3 * 3_600;

const fn at(seconds: u64) -> UnixNanos {
    UnixNanos(seconds * 1_000_000_000)
}

/// Trades of one lot, at these seconds and prices.
fn venue_with(trades: &[(u64, u64)]) -> Venue {
    let venue = Venue::with_settings(Settings { clock: || at(NOW), ..Settings::default() });
    let step = Step { mantissa: 1, scale: 0 };
    let asset = |code| CreateAsset { code: Text::new(code).unwrap(), scale: 0 };
    venue.apply(own(RequestContent::CreateAsset(asset("A"))));
    venue.apply(own(RequestContent::CreateAsset(asset("B"))));
    venue.apply(own(RequestContent::CreateSymbol(Box::new(CreateSymbol {
        code: Text::new("AB").unwrap(),
        base: AssetId(0),
        quote: AssetId(1),
        tick_size: step,
        lot_size: step,
        limits: SymbolLimits::WIDEST,
        fees: Fees::default(),
    }))));
    venue.apply(own(RequestContent::CreateUser(CreateUser)));
    for asset in [AssetId(0), AssetId(1)] {
        let deposit = Deposit { user: UserId(1), asset, amount: Amount(1_000_000) };
        venue.apply(own(RequestContent::Deposit(deposit)));
    }
    let mut names = 0;
    for &(seconds, price) in trades {
        for side in [Side::Sell, Side::Buy] {
            names += 1;
            let kind = OrderKind::Limit {
                price: Ticks(price),
                quantity: Lots(1),
                time_in_force: TimeInForce::GoodTilCanceled,
            };
            let client_order_id = Text::new(&format!("n{names}")).unwrap();
            let order = PlaceOrder { symbol: SymbolId(0), side, kind, client_order_id };
            let envelope = Envelope { user: UserId(1), ..Envelope::VENUE };
            let command = Command { envelope, action: Action::PlaceOrder(order) };
            venue.apply_at(command, at(seconds));
        }
    }
    venue
}

/// Open time in seconds, open, high, low, close, volume, number of trades.
fn cut(kline: &Value) -> (u64, String) {
    let price = |index: usize| kline[index].as_str().unwrap();
    let text = format!("{} {} {} {} {} {}", price(1), price(2), price(3), price(4), price(5), kline[8]);
    (kline[0].as_u64().unwrap() / 1_000, text)
}

async fn klines(venue: &Venue, params: &str) -> Vec<(u64, String)> {
    let list = venue.get(&format!("/api/v3/klines?symbol=AB&{params}")).await.ok();
    list.as_array().unwrap().iter().map(cut).collect()
}

#[tokio::test]
async fn klines_add_up_minutes() {
    let venue = venue_with(&[(DAY + 5, 10), (DAY + 30, 12), (DAY + 181, 8), (DAY + 3_660, 20)]);
    let kline = |begin: u64, text: &str| (DAY + begin, text.to_owned());
    let millis = |seconds: u64| (DAY + seconds) * 1_000;
    let cases = [
        // From before the first trade: klines begin with it, and stand still in between.
        (
            format!("interval=1m&limit=5&startTime={}", millis(0) - 600_000),
            vec![
                kline(0, "10 12 10 12 2 2"),
                kline(60, "12 12 12 12 0 0"),
                kline(120, "12 12 12 12 0 0"),
                kline(180, "8 8 8 8 1 1"),
                kline(240, "8 8 8 8 0 0"),
            ],
        ),
        (
            format!("interval=1h&startTime={}", millis(0)),
            vec![
                kline(0, "10 12 8 8 3 3"),
                kline(3_600, "20 20 20 20 1 1"),
                kline(7_200, "20 20 20 20 0 0"),
                kline(10_800, "20 20 20 20 0 0"),
            ],
        ),
        ("interval=1h&limit=2".to_owned(), vec![kline(7_200, "20 20 20 20 0 0"), kline(10_800, "20 20 20 20 0 0")]),
        // A kline begins inside the range or is not in it.
        (
            format!("interval=1h&startTime={}&endTime={}", millis(1), millis(3_600)),
            vec![kline(3_600, "20 20 20 20 1 1")],
        ),
        (format!("interval=1h&endTime={}&limit=1", millis(3_599)), vec![kline(0, "10 12 8 8 3 3")]),
        (format!("interval=1h&endTime={}", millis(0) - 1), vec![]),
        (format!("interval=1h&startTime={}", millis(20_000)), vec![]),
        ("interval=1d&limit=1".to_owned(), vec![kline(0, "10 20 8 20 4 4")]),
        ("interval=1w&limit=1".to_owned(), vec![(DAY - 86_400, "10 20 8 20 4 4".to_owned())]),
        ("interval=1M&limit=1".to_owned(), vec![(DAY - 13 * 86_400, "10 20 8 20 4 4".to_owned())]),
    ];
    for (params, expected) in cases {
        assert_eq!(klines(&venue, &params).await, expected, "{params}");
    }
    let list = venue.get("/api/v3/uiKlines?symbol=AB&interval=1d&limit=1").await.ok();
    assert_eq!(list[0][6], (DAY + 86_400) * 1_000 - 1);
    assert_eq!((&list[0][7], &list[0][9], &list[0][10]), (&"50".into(), &"4".into(), &"50".into()));
}

#[tokio::test]
async fn without_a_trade_there_is_no_kline() {
    let venue = venue_with(&[]);
    for params in ["interval=1m", "interval=1M&startTime=1", "interval=1h&endTime=5"] {
        assert_eq!(klines(&venue, params).await, [], "{params}");
    }
}
