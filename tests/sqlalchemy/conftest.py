"""A venue over two PostgreSQL shards with a router in front, and some trades; made once, for every test only reads."""

import hashlib
import hmac
import os
import subprocess
import time
import urllib.parse
from dataclasses import dataclass

import psycopg
import pytest
import requests
from running import Venue

SYMBOLS = ["BTCUSDT", "ETHUSDT", "SOLUSDT"]
PATIENCE_SECONDS = 60
ROUTER = "router"


@dataclass
class Desk:
    """Where the databases are, and what was traded."""

    shards: list[str]
    router: str
    users: list[int]
    withdrawal: int

    @property
    def databases(self):
        return [*self.shards, self.router]


@pytest.fixture(scope="session")
def desk(tmp_path_factory):
    server = os.environ["BUTTONWOOD_POSTGRES"]
    names = ["models_1", "models_2"]
    with psycopg.connect(server, autocommit=True) as connection:
        for name in [*names, ROUTER]:
            connection.execute(f"CREATE DATABASE {name}")
    url = lambda name: urllib.parse.urlsplit(server)._replace(path=f"/{name}").geturl()
    directory = tmp_path_factory.mktemp("venue")
    config = directory / "venue.toml"
    config.write_text("".join(f'[[shards]]\nname = "{name}"\nurl = "{url(name)}"\n' for name in names))
    os.environ["BUTTONWOOD_CONFIG"] = str(config)
    venue = Venue(directory / "data")
    try:
        users, withdrawal = trade(venue)
        wait_stored(venue)
        command = [os.environ["BUTTONWOOD_BIN"], "shards", "router", "--url", url(ROUTER)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        yield Desk([url(name) for name in names], url(ROUTER), users, withdrawal)
    finally:
        venue.stop()


def trade(venue):
    """On each symbol user 1 sells one at 100, user 2 takes 0.4 of it, and an order of user 2 is canceled."""
    venue.admin("/assets", code="USDT", scale=6)
    for symbol in SYMBOLS:
        base = symbol.removesuffix("USDT")
        venue.admin("/assets", code=base, scale=8)
        fees = {"maker": "0.001", "taker": "0.001"}
        venue.admin("/symbols", code=symbol, base=base, quote="USDT", tickSize="0.01", lotSize="0.0001", fees=fees)
    accounts = [open_account(venue) for _ in range(2)]
    (seller, seller_key), (buyer, buyer_key) = accounts
    venue.admin("/credit-limits", userId=seller, asset="USDT", limit="50")
    withdrawal = venue.admin("/withdrawals", userId=seller, asset="USDT", amount="12.5")["withdrawalId"]
    limit = {"type": "LIMIT", "timeInForce": "GTC"}
    for symbol in SYMBOLS:
        order = {"symbol": symbol, "price": "100", **limit}
        ask(venue, seller_key, "POST", **order, side="SELL", quantity="1", newClientOrderId=f"offer-{symbol}")
        ask(venue, buyer_key, "POST", **order, side="BUY", quantity="0.4", newClientOrderId=f"bid-{symbol}")
        ask(venue, buyer_key, "POST", **{**order, "price": "50"}, side="BUY", quantity="2", newClientOrderId=f"low-{symbol}")
        ask(venue, buyer_key, "DELETE", symbol=symbol, origClientOrderId=f"low-{symbol}")
    return [seller, buyer], withdrawal


def open_account(venue):
    user = venue.admin("/users")["userId"]
    key = venue.admin("/keys", userId=user, roles=["read", "trade"])
    for asset in ["USDT", *(symbol.removesuffix("USDT") for symbol in SYMBOLS)]:
        venue.admin("/deposits", userId=user, asset=asset, amount="1000")
    return user, (key["apiKey"], key["secretKey"])


def ask(venue, key, method, **fields):
    form = urllib.parse.urlencode({**fields, "timestamp": int(time.time() * 1000)})
    signature = hmac.new(key[1].encode(), form.encode(), hashlib.sha256).hexdigest()
    url = f"{venue.url}/api/v3/order?{form}&signature={signature}"
    answer = requests.request(method, url, headers={"X-MBX-APIKEY": key[0]}, timeout=30)
    assert answer.status_code == 200, answer.text


def wait_stored(venue):
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        status = requests.get(f"{venue.url}/v1/status", timeout=30).json()
        if all(follower["checkpoint"] == status["committed"] for follower in status["followers"]):
            return
        assert time.monotonic() < deadline, status
