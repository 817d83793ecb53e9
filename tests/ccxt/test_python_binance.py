"""The unmodified python-binance client, against a running venue: a second reading of the same dialect."""

from decimal import Decimal

import pytest
from binance.client import Client
from binance.exceptions import BinanceAPIException

from conftest import START, open_account

SYMBOL = "BTCUSDT"


@pytest.fixture
def trader(venue):
    def make(kind):
        key, secret = open_account(venue, kind, START)
        proof = {"private_key": secret} if kind == "ed25519" else {"api_secret": secret}
        client = Client(key, ping=False, **proof)
        client.API_URL = venue.url + "/api"
        client.ping()
        return client

    return make


@pytest.mark.parametrize("kind", ["hmac", "ed25519"])
def test_orders_are_placed_read_and_canceled(trader, kind):
    alice = trader(kind)
    placed = alice.order_limit_buy(symbol=SYMBOL, quantity="0.1", price="20000.00", newOrderRespType="RESULT")
    assert (placed["status"], Decimal(placed["origQty"])) == ("NEW", Decimal("0.1"))
    assert alice.get_order(symbol=SYMBOL, orderId=placed["orderId"])["clientOrderId"] == placed["clientOrderId"]
    assert [order["orderId"] for order in alice.get_open_orders(symbol=SYMBOL)] == [placed["orderId"]]
    assert Decimal(alice.get_asset_balance("USDT")["locked"]) == 2000
    canceled = alice.cancel_order(symbol=SYMBOL, orderId=placed["orderId"])
    assert (canceled["status"], canceled["origClientOrderId"]) == ("CANCELED", placed["clientOrderId"])
    with pytest.raises(BinanceAPIException) as refused:
        alice.cancel_order(symbol=SYMBOL, orderId=placed["orderId"])
    assert (refused.value.status_code, refused.value.code) == (400, -2011)


def test_trades_are_seen_by_both_and_by_all(trader):
    maker, taker = trader("hmac"), trader("ed25519")
    maker.order_limit_sell(symbol=SYMBOL, quantity="1", price="30000")
    taken = taker.order_market_buy(symbol=SYMBOL, quoteOrderQty="15000")
    assert (taken["status"], Decimal(taken["executedQty"])) == ("FILLED", Decimal("0.5"))
    [mine] = taker.get_my_trades(symbol=SYMBOL)
    assert (mine["isBuyer"], mine["isMaker"], Decimal(mine["quoteQty"])) == (True, False, 15000)
    assert [trade["id"] for trade in maker.get_recent_trades(symbol=SYMBOL)] == [mine["id"]]
    assert [Decimal(size) for _, size in maker.get_order_book(symbol=SYMBOL)["asks"]] == [Decimal("0.5")]
    assert Decimal(maker.get_symbol_ticker(symbol=SYMBOL)["price"]) == 30000
    assert Decimal(maker.get_klines(symbol=SYMBOL, interval="1m")[-1][4]) == 30000
    filters = {entry["filterType"]: entry for entry in maker.get_symbol_info(SYMBOL)["filters"]}
    assert Decimal(filters["PRICE_FILTER"]["tickSize"]) == Decimal("0.01")
