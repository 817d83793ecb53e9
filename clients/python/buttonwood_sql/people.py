"""The same for people: codes in place of ids, times as times, and the checkpoint of the shard that a row is from."""

import datetime
from decimal import Decimal

from sqlalchemy import DateTime, Integer, SmallInteger
from sqlalchemy.orm import Mapped, mapped_column

from .models import Base, key, small


def time(primary_key: bool = False) -> Mapped[datetime.datetime]:
    return mapped_column(DateTime(timezone=True), primary_key=primary_key)


class _OrderColumns:
    shard_id: Mapped[int] = small()
    order_id: Mapped[int] = key()
    user_id: Mapped[int] = small()
    symbol: Mapped[str]
    side: Mapped[str]
    kind: Mapped[str]
    time_in_force: Mapped[str | None]
    price: Mapped[Decimal | None]
    quantity: Mapped[Decimal | None]
    placed_quote: Mapped[Decimal | None]
    executed: Mapped[Decimal]
    executed_quote: Mapped[Decimal]
    average_price: Mapped[Decimal | None]
    status: Mapped[str]
    close_reason: Mapped[str | None]
    client_order_id: Mapped[str]
    placed_at: Mapped[datetime.datetime] = time()
    updated_at: Mapped[datetime.datetime] = time()
    placed_seq: Mapped[int]
    last_seq: Mapped[int]
    symbols_through: Mapped[int]


class ReadableOrder(_OrderColumns, Base):
    __tablename__ = "v_orders"


class ReadableOpenOrder(_OrderColumns, Base):
    __tablename__ = "v_open_orders"


class ReadableOrderFill(Base):
    """An order with its fills. One without any has a row with no trade: select columns to see it, an object needs both keys."""

    __tablename__ = "v_order_fills"
    shard_id: Mapped[int] = small()
    order_id: Mapped[int] = key()
    user_id: Mapped[int] = small()
    symbol: Mapped[str]
    side: Mapped[str]
    kind: Mapped[str]
    order_price: Mapped[Decimal | None]
    order_quantity: Mapped[Decimal | None]
    status: Mapped[str]
    trade_id: Mapped[int] = key()
    liquidity: Mapped[str | None]
    price: Mapped[Decimal | None]
    quantity: Mapped[Decimal | None]
    quote: Mapped[Decimal | None]
    fee: Mapped[Decimal | None]
    fee_asset: Mapped[str | None]
    filled_at: Mapped[datetime.datetime | None] = time()
    seq: Mapped[int | None]
    event_index: Mapped[int | None] = mapped_column(Integer)
    symbols_through: Mapped[int]


class ReadablePosition(Base):
    __tablename__ = "v_positions"
    shard_id: Mapped[int] = small()
    user_id: Mapped[int] = key(Integer)
    symbol: Mapped[str] = mapped_column(primary_key=True)
    quantity: Mapped[Decimal]
    cost: Mapped[Decimal]
    average_price: Mapped[Decimal | None]
    realised: Mapped[Decimal]
    last_seq: Mapped[int]
    symbols_through: Mapped[int]


class ReadableBalance(Base):
    __tablename__ = "v_balances"
    shard_id: Mapped[int] = small()
    user_id: Mapped[int] = key(Integer)
    asset: Mapped[str] = mapped_column(primary_key=True)
    free: Mapped[Decimal]
    locked: Mapped[Decimal]
    total: Mapped[Decimal]
    credit_limit: Mapped[Decimal]
    last_seq: Mapped[int]
    users_through: Mapped[int]


class ReadableMovement(Base):
    __tablename__ = "v_ledger"
    shard_id: Mapped[int] = small()
    seq: Mapped[int] = key()
    event_index: Mapped[int] = key(Integer)
    leg: Mapped[int] = key(SmallInteger)
    user_id: Mapped[int | None] = mapped_column(Integer)
    asset: Mapped[str]
    change: Mapped[Decimal]
    movement: Mapped[str]
    movement_id: Mapped[int | None]
    moved_at: Mapped[datetime.datetime] = time()
    users_through: Mapped[int]


class TurnoverOfSymbol(Base):
    """Trades, quantity and quote by symbol and day."""

    __tablename__ = "v_turnover_by_symbol"
    shard_id: Mapped[int] = small()
    symbol: Mapped[str] = mapped_column(primary_key=True)
    day: Mapped[datetime.datetime] = time(primary_key=True)
    trades: Mapped[int]
    quantity: Mapped[Decimal]
    quote: Mapped[Decimal]
    symbols_through: Mapped[int]
