"""The unmodified ccxt class for Binance Spot, against a running venue.

Amounts are compared as decimals, from the strings the venue sent; ccxt's own numbers are floats.
"""

import time
from decimal import Decimal

import ccxt
import pytest

from conftest import MAKER_FEE, START, TAKER_FEE, client, open_account

PAIR = "BTC/USDT"


@pytest.mark.parametrize("kind", ["hmac", "ed25519"])
def test_an_order_lives_and_is_canceled(trader, kind):
    alice = trader(kind)
    placed = alice.create_order(PAIR, "limit", "buy", 0.5, 20000.12, {"clientOrderId": "first"})
    assert (placed["status"], placed["symbol"], placed["type"], placed["side"]) == ("open", PAIR, "limit", "buy")
    assert (placed["price"], placed["amount"], placed["filled"], placed["remaining"]) == (20000.12, 0.5, 0, 0.5)
    assert (placed["clientOrderId"], placed["timeInForce"], placed["trades"]) == ("first", "GTC", [])
    assert abs(placed["timestamp"] - time.time() * 1000) < 60_000

    for read in (alice.fetch_order(placed["id"], PAIR), alice.fetch_order(None, PAIR, {"clientOrderId": "first"})):
        assert (read["id"], read["status"], read["price"], read["amount"]) == (placed["id"], "open", 20000.12, 0.5)
    assert [order["id"] for order in alice.fetch_open_orders(PAIR)] == [placed["id"]]
    balance = alice.fetch_balance()
    assert (balance["USDT"]["used"], balance["USDT"]["free"]) == (10000.06, 89999.94)

    canceled = alice.cancel_order(placed["id"], PAIR)
    assert (canceled["id"], canceled["status"], canceled["filled"]) == (placed["id"], "canceled", 0)
    assert alice.fetch_order(placed["id"], PAIR)["status"] == "canceled"
    assert alice.fetch_open_orders(PAIR) == []
    assert money(alice) == START


def test_the_market_is_described(trader):
    market = trader().load_markets()[PAIR]
    assert (market["id"], market["base"], market["quote"], market["type"]) == ("BTCUSDT", "BTC", "USDT", "spot")
    assert market["active"] and market["spot"] and not market["margin"] and not market["contract"]
    assert (market["precision"]["price"], market["precision"]["amount"]) == (0.01, 0.00001)
    assert (market["limits"]["price"]["min"], market["limits"]["price"]["max"]) == (0.01, 1_000_000)
    assert (market["limits"]["amount"]["min"], market["limits"]["amount"]["max"]) == (0.00001, 1000)
    assert market["limits"]["cost"]["min"] == 5
    assert {"LIMIT", "LIMIT_MAKER", "MARKET"} <= set(market["info"]["orderTypes"])
    assert abs(trader().fetch_time() - time.time() * 1000) < 60_000


def test_a_trade_moves_the_money_of_both(trader):
    maker, taker = trader("ed25519"), trader("hmac")
    offer = maker.create_order(PAIR, "limit", "sell", 1, 30000)
    taken = taker.create_order(PAIR, "limit", "buy", 0.4, 30001)
    assert (taken["status"], taken["filled"], taken["average"], taken["cost"]) == ("closed", 0.4, 30000, 12000)
    fee = Decimal("0.4") * Decimal(TAKER_FEE)
    assert [(fill["price"], fill["amount"]) for fill in taken["trades"]] == [(30000, 0.4)]
    assert exact(taken["info"]["fills"][0], "commission", "commissionAsset") == (fee, "BTC")

    offer = maker.fetch_order(offer["id"], PAIR)
    assert (offer["status"], offer["filled"], offer["remaining"]) == ("open", 0.4, 0.6)
    assert offer["info"]["status"] == "PARTIALLY_FILLED"

    earned = Decimal(12000) * (1 - Decimal(MAKER_FEE))
    assert money(taker) == changed(START, BTC=Decimal("0.4") - fee, USDT=-12000)
    assert money(maker) == changed(START, BTC="-0.4", USDT=earned)
    assert Decimal(maker.fetch_balance()["info"]["balances"][index(maker, "BTC")]["locked"]) == Decimal("0.6")

    [bought], [sold] = taker.fetch_my_trades(PAIR), maker.fetch_my_trades(PAIR)
    assert (bought["side"], bought["takerOrMaker"], bought["order"]) == ("buy", "taker", taken["id"])
    assert (sold["side"], sold["takerOrMaker"], sold["order"]) == ("sell", "maker", offer["id"])
    assert bought["id"] == sold["id"]
    assert exact(bought["info"], "price", "qty", "quoteQty", "commission") == (30000, Decimal("0.4"), 12000, fee)
    assert exact(sold["info"], "commission", "commissionAsset") == (12000 - earned, "USDT")
    assert [trade["id"] for trade in taker.fetch_order_trades(taken["id"], PAIR)] == [bought["id"]]


def test_market_orders_take_what_is_there(trader):
    maker, taker = trader(), trader()
    maker.create_order(PAIR, "limit", "sell", 1, 30000)
    maker.create_order(PAIR, "limit", "sell", 1, 30010)
    bought = taker.create_order(PAIR, "market", "buy", 1.5)
    assert (bought["status"], bought["type"], bought["filled"], bought["cost"]) == ("closed", "market", 1.5, 45005)
    assert [(fill["price"], fill["amount"]) for fill in bought["trades"]] == [(30000, 1), (30010, 0.5)]

    spent = taker.create_market_buy_order_with_cost(PAIR, 3001)
    assert (spent["status"], spent["filled"], spent["cost"]) == ("closed", 0.1, 3001)

    maker.create_order(PAIR, "limit", "buy", 0.2, 29000)
    sold = taker.create_order(PAIR, "market", "sell", 0.5)
    assert (sold["status"], sold["filled"], sold["cost"]) == ("expired", 0.2, 5800)


def test_time_in_force(trader):
    maker, taker = trader(), trader()
    maker.create_order(PAIR, "limit", "sell", 0.3, 30000)
    killed = taker.create_order(PAIR, "limit", "buy", 0.5, 30000, {"timeInForce": "FOK"})
    assert (killed["status"], killed["filled"], killed["timeInForce"]) == ("expired", 0, "FOK")
    with pytest.raises(ccxt.OrderImmediatelyFillable):
        taker.create_order(PAIR, "limit", "buy", 0.5, 30000, {"postOnly": True})
    immediate = taker.create_order(PAIR, "limit", "buy", 0.5, 30000, {"timeInForce": "IOC"})
    assert (immediate["status"], immediate["filled"], immediate["timeInForce"]) == ("expired", 0.3, "IOC")
    resting = taker.create_order(PAIR, "limit", "buy", 0.5, 29999, {"postOnly": True})
    assert (resting["status"], resting["postOnly"], resting["type"]) == ("open", True, "limit")


def test_all_orders_are_canceled_at_once(trader):
    alice, bob = trader(), trader()
    mine = [alice.create_order(PAIR, "limit", "buy", 0.1, 20000 + step)["id"] for step in range(3)]
    other = bob.create_order(PAIR, "limit", "buy", 0.1, 20000)
    canceled = alice.cancel_all_orders(PAIR)
    assert sorted(order["id"] for order in canceled) == sorted(mine)
    assert {order["status"] for order in canceled} == {"canceled"}
    assert money(alice) == START
    assert [order["id"] for order in bob.fetch_open_orders(PAIR)] == [other["id"]]
    with pytest.raises(ccxt.OrderNotFound):
        alice.cancel_all_orders(PAIR)


def test_an_order_is_replaced(trader):
    alice = trader()
    old = alice.create_order(PAIR, "limit", "buy", 0.1, 20000)
    new = alice.edit_order(old["id"], PAIR, "limit", "buy", 0.2, 21000)
    assert (new["status"], new["amount"], new["price"]) == ("open", 0.2, 21000)
    assert alice.fetch_order(old["id"], PAIR)["status"] == "canceled"
    assert [order["id"] for order in alice.fetch_open_orders(PAIR)] == [new["id"]]
    assert alice.fetch_balance()["USDT"]["used"] == 4200


def test_orders_of_the_past_are_found(trader):
    alice, bob = trader(), trader()
    open_one = alice.create_order(PAIR, "limit", "sell", 1, 31000)
    filled = alice.create_order(PAIR, "limit", "sell", 0.1, 30000)
    canceled = alice.create_order(PAIR, "limit", "sell", 1, 32000)
    bob.create_order(PAIR, "market", "buy", 0.1)
    alice.cancel_order(canceled["id"], PAIR)
    ids = {order["id"]: order["status"] for order in alice.fetch_orders(PAIR)}
    assert ids == {open_one["id"]: "open", filled["id"]: "closed", canceled["id"]: "canceled"}
    assert [order["id"] for order in alice.fetch_closed_orders(PAIR)] == [filled["id"]]
    # ccxt warns, by an exception, that to read all open orders is dear on Binance.
    alice.options["fetchOpenOrders"] = {"warnWithoutSymbol": False}
    assert [order["id"] for order in alice.fetch_open_orders()] == [open_one["id"]]


def test_the_market_is_public(venue, trader):
    maker, taker, stranger = trader(), trader(), client(venue)
    for price, amount in ((30000, 1), (30000, 0.5), (30010, 2)):
        maker.create_order(PAIR, "limit", "sell", amount, price)
    for price in (29990, 29980):
        maker.create_order(PAIR, "limit", "buy", 1, price)
    taker.create_order(PAIR, "market", "buy", 0.25)

    book = stranger.fetch_order_book(PAIR)
    assert book["asks"] == [[30000, 1.25], [30010, 2]]
    assert book["bids"] == [[29990, 1], [29980, 1]]
    assert book["nonce"] > 0
    assert stranger.fetch_order_book(PAIR, limit=5)["asks"] == book["asks"]

    [trade] = stranger.fetch_trades(PAIR)
    assert (trade["price"], trade["amount"], trade["side"]) == (30000, 0.25, "buy")
    [plain] = stranger.fetch_trades(PAIR, params={"fetchTradesMethod": "publicGetTrades"})
    assert (plain["price"], plain["amount"], plain["cost"], plain["side"]) == (30000, 0.25, 7500, "buy")

    ticker = stranger.fetch_ticker(PAIR)
    assert (ticker["symbol"], ticker["last"], ticker["bid"], ticker["ask"]) == (PAIR, 30000, 29990, 30000)
    assert (ticker["high"], ticker["low"], ticker["baseVolume"], ticker["quoteVolume"]) == (30000, 30000, 0.25, 7500)
    assert stranger.fetch_tickers([PAIR])[PAIR]["last"] == 30000
    touch = stranger.fetch_bids_asks([PAIR])[PAIR]
    assert (touch["bid"], touch["bidVolume"], touch["ask"], touch["askVolume"]) == (29990, 1, 30000, 1.25)

    [*_, candle] = stranger.fetch_ohlcv(PAIR, "1m")
    assert candle[1:] == [30000, 30000, 30000, 30000, 0.25]
    assert candle[0] % 60_000 == 0


def test_errors_are_the_ones_ccxt_knows(venue, trader):
    alice = trader(funds={"USDT": "1000"})
    alice.load_markets()
    with pytest.raises(ccxt.InsufficientFunds):
        alice.create_order(PAIR, "limit", "buy", 1, 20000)
    with pytest.raises(ccxt.InsufficientFunds):
        alice.create_order(PAIR, "limit", "sell", 1, 20000)
    with pytest.raises(ccxt.OrderNotFound):
        alice.cancel_order("123456789", PAIR)
    with pytest.raises(ccxt.OrderNotFound):
        alice.fetch_order("123456789", PAIR)
    with pytest.raises(ccxt.BadRequest, match="NOTIONAL"):
        alice.create_order(PAIR, "limit", "buy", 0.0001, 20000)
    with pytest.raises(ccxt.InvalidOrder, match="PRICE_FILTER"):
        raw_order(alice, price="20000.001", quantity="0.01")
    with pytest.raises(ccxt.InvalidOrder, match="LOT_SIZE"):
        raw_order(alice, price="20000", quantity="0.000001")
    with pytest.raises(ccxt.BadSymbol):
        raw_order(alice, symbol="NOTHING", price="20000", quantity="0.01")
    with pytest.raises(ccxt.BadRequest):
        raw_order(alice, price="20000", quantity="many")
    with pytest.raises(ccxt.BadRequest):
        raw_order(alice, quantity="0.01")
    assert money(alice) == {"USDT": "1000"} and alice.fetch_open_orders(PAIR) == []

    key, secret = open_account(venue, "hmac", {})
    with pytest.raises(ccxt.AuthenticationError):
        client(venue, key, "another").fetch_balance()
    with pytest.raises(ccxt.AuthenticationError):
        client(venue, "nobody", secret).fetch_balance()
    late = client(venue, key, secret)
    late.options["timeDifference"] = 120_000
    with pytest.raises(ccxt.InvalidNonce):
        late.fetch_balance()


def test_asking_again_is_safe(trader):
    alice = trader()
    first = alice.create_order(PAIR, "limit", "buy", 0.1, 20000, {"clientOrderId": "again"})
    second = alice.create_order(PAIR, "limit", "buy", 0.1, 20000, {"clientOrderId": "again"})
    assert second["id"] == first["id"]
    with pytest.raises(ccxt.InvalidOrder):
        alice.create_order(PAIR, "limit", "buy", 0.2, 20000, {"clientOrderId": "again"})
    assert [order["amount"] for order in alice.fetch_open_orders(PAIR)] == [0.1]


def test_a_revoked_key_is_refused(venue, trader):
    alice = trader()
    assert money(alice) == START
    venue.admin("/keys/revoke", apiKey=alice.apiKey)
    # ccxt takes this error for a ban where the same key was good before.
    with pytest.raises(ccxt.DDoSProtection):
        alice.fetch_balance()
    with pytest.raises(ccxt.AuthenticationError):
        client(venue, alice.apiKey, alice.secret).fetch_balance()


def test_nothing_acknowledged_is_lost(venue, trader):
    maker, taker = trader(), trader("ed25519")
    offer = maker.create_order(PAIR, "limit", "sell", 1, 30000)
    taken = taker.create_order(PAIR, "limit", "buy", 0.4, 30000)
    before = money(maker), money(taker), maker.fetch_my_trades(PAIR)
    venue.kill()
    venue.start()
    maker, taker = (client(venue, old.apiKey, old.secret) for old in (maker, taker))
    assert maker.fetch_order(offer["id"], PAIR)["remaining"] == 0.6
    assert taker.fetch_order(taken["id"], PAIR)["status"] == "closed"
    assert (money(maker), money(taker), maker.fetch_my_trades(PAIR)) == before
    assert maker.fetch_order_book(PAIR)["asks"] == [[30000, 0.6]]


def raw_order(exchange, **fields):
    """An order as it is, past ccxt's own rounding."""
    order = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC"}
    return exchange.private_post_order({**order, **fields})


def money(exchange):
    """Free plus locked of each asset the user has, as the venue's strings add up."""
    balances = exchange.fetch_balance()["info"]["balances"]
    totals = {entry["asset"]: Decimal(entry["free"]) + Decimal(entry["locked"]) for entry in balances}
    return {asset: plain(total) for asset, total in totals.items() if total}


def changed(start, **changes):
    return {asset: plain(Decimal(start[asset]) + Decimal(change)) for asset, change in changes.items()}


def plain(amount):
    return format(amount.normalize(), "f")


def exact(entry, *names):
    return tuple(Decimal(entry[name]) if entry[name][0].isdigit() else entry[name] for name in names)


def index(exchange, asset):
    assets = [entry["asset"] for entry in exchange.fetch_balance()["info"]["balances"]]
    return assets.index(asset)
