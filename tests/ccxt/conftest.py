"""What each test gets: a venue of its own with BTCUSDT listed, and traders with money."""

import ccxt
import pytest

from running import Venue, ed25519_pair

MAKER_FEE = "0.0005"
TAKER_FEE = "0.001"
START = {"BTC": "10", "USDT": "100000"}


@pytest.fixture
def venue(tmp_path):
    venue = Venue(tmp_path / "data")
    try:
        list_bitcoin(venue)
        yield venue
    finally:
        venue.stop()


@pytest.fixture
def trader(venue):
    """Makes traders: each a user with money, a key, and the unmodified ccxt class."""

    def make(kind="hmac", funds=START):
        key, secret = open_account(venue, kind, funds)
        return client(venue, key, secret)

    return make


def list_bitcoin(venue):
    venue.admin("/assets", code="BTC", scale=8)
    venue.admin("/assets", code="USDT", scale=8)
    limits = {
        "minPrice": "0.01",
        "maxPrice": "1000000",
        "minQuantity": "0.00001",
        "maxQuantity": "1000",
        "minNotional": "5",
        "maxNotional": "10000000",
    }
    fees = {"maker": MAKER_FEE, "taker": TAKER_FEE}
    symbol = {"code": "BTCUSDT", "base": "BTC", "quote": "USDT", "tickSize": "0.01", "lotSize": "0.00001"}
    venue.admin("/symbols", **symbol, limits=limits, fees=fees)


def open_account(venue, kind, funds):
    user = venue.admin("/users")["userId"]
    if kind == "ed25519":
        secret, public = ed25519_pair()
        key = venue.admin("/keys", userId=user, roles=["read", "trade"], publicKey=public)["apiKey"]
    else:
        made = venue.admin("/keys", userId=user, roles=["read", "trade"])
        key, secret = made["apiKey"], made["secretKey"]
    for asset, amount in funds.items():
        venue.admin("/deposits", userId=user, asset=asset, amount=amount)
    return key, secret


def client(venue, key=None, secret=None):
    """ccxt as it comes from the package index, with its addresses pointed at the venue."""
    options = {"fetchMarkets": {"types": ["spot"]}, "fetchCurrencies": False, "fetchMargins": False}
    exchange = ccxt.binance({"apiKey": key, "secret": secret, "enableRateLimit": False, "options": options})
    exchange.urls["api"]["public"] = exchange.urls["api"]["private"] = venue.url + "/api/v3"
    return exchange
