"""What the venue has, as it is stored: exact decimals in the units people use, times in nanoseconds since 1970.

Every table but those that are the same everywhere begins with the shard that owns the row. A row is found by its own key: on a router it comes
from whichever shard has it.
"""

import datetime
from decimal import Decimal

from sqlalchemy import BigInteger, Integer, Numeric, SmallInteger, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, foreign, mapped_column, relationship, remote
from sqlalchemy.types import TypeEngine


class Base(DeclarativeBase):
    type_annotation_map = {int: BigInteger, Decimal: Numeric, str: Text}


def key(kind: type[TypeEngine[int]] = BigInteger) -> Mapped[int]:
    return mapped_column(kind, primary_key=True)


def small() -> Mapped[int]:
    return mapped_column(Integer)


def at(nanoseconds: int) -> datetime.datetime:
    """A time of the venue, cut to microseconds."""
    epoch = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
    return epoch + datetime.timedelta(microseconds=nanoseconds // 1000)


class Venue(Base):
    """What holds for all symbols; one row."""

    __tablename__ = "venue"
    last_seq: Mapped[int] = mapped_column(primary_key=True)
    killed: Mapped[bool]


class Asset(Base):
    """What can be owned."""

    __tablename__ = "assets"
    asset_id: Mapped[int] = key(Integer)
    code: Mapped[str]
    scale: Mapped[int] = mapped_column(SmallInteger)
    last_seq: Mapped[int]


class Symbol(Base):
    """What can be traded: base against quote."""

    __tablename__ = "symbols"
    symbol_id: Mapped[int] = key(Integer)
    code: Mapped[str]
    base_asset_id: Mapped[int] = small()
    base_scale: Mapped[int] = mapped_column(SmallInteger)
    quote_asset_id: Mapped[int] = small()
    quote_scale: Mapped[int] = mapped_column(SmallInteger)
    tick_mantissa: Mapped[Decimal]
    tick_scale: Mapped[int] = mapped_column(SmallInteger)
    lot_mantissa: Mapped[Decimal]
    lot_scale: Mapped[int] = mapped_column(SmallInteger)
    status: Mapped[str]
    price_min: Mapped[Decimal]
    price_max: Mapped[Decimal]
    quantity_min: Mapped[Decimal]
    quantity_max: Mapped[Decimal]
    notional_min: Mapped[Decimal]
    notional_max: Mapped[Decimal]
    band_above_ppm: Mapped[int | None] = mapped_column(Integer)
    band_below_ppm: Mapped[int | None] = mapped_column(Integer)
    maker_ppm: Mapped[int] = small()
    taker_ppm: Mapped[int] = small()
    last_seq: Mapped[int]

    base: Mapped[Asset] = relationship(primaryjoin=lambda: foreign(Symbol.base_asset_id) == Asset.asset_id, viewonly=True)
    quote: Mapped[Asset] = relationship(primaryjoin=lambda: foreign(Symbol.quote_asset_id) == Asset.asset_id, viewonly=True)

    @property
    def tick_size(self) -> Decimal:
        """Prices are multiples of it."""
        return self.tick_mantissa.scaleb(-self.tick_scale)

    @property
    def lot_size(self) -> Decimal:
        """Quantities are multiples of it."""
        return self.lot_mantissa.scaleb(-self.lot_scale)


class User(Base):
    """Who trades here; 0 is the venue itself."""

    __tablename__ = "users"
    user_id: Mapped[int] = key(Integer)
    maker_ppm: Mapped[int | None] = mapped_column(Integer)
    taker_ppm: Mapped[int | None] = mapped_column(Integer)
    killed: Mapped[bool]
    created_time: Mapped[int | None]
    last_seq: Mapped[int]

    balances: Mapped[list["Balance"]] = relationship(
        primaryjoin=lambda: User.user_id == foreign(remote(Balance.user_id)), order_by="Balance.asset_id", viewonly=True
    )
    positions: Mapped[list["Position"]] = relationship(
        primaryjoin=lambda: User.user_id == foreign(remote(Position.user_id)), order_by="Position.symbol_id", viewonly=True
    )


class Checkpoint(Base):
    """How far each stream of each shard follows the journal."""

    __tablename__ = "checkpoints"
    shard_id: Mapped[int] = key(Integer)
    stream: Mapped[str] = mapped_column(primary_key=True)
    epoch: Mapped[int]
    seq: Mapped[int]


class SymbolTenure(Base):
    """Which shard owns a symbol since when, as this shard has heard."""

    __tablename__ = "symbol_tenures"
    shard_id: Mapped[int] = key(Integer)
    symbol_id: Mapped[int] = key(Integer)
    from_seq: Mapped[int] = key()
    owner_id: Mapped[int] = small()


class UserTenure(Base):
    """Which shard owns a user's money since when, as this shard has heard."""

    __tablename__ = "user_tenures"
    shard_id: Mapped[int] = key(Integer)
    user_id: Mapped[int] = key(Integer)
    from_seq: Mapped[int] = key()
    owner_id: Mapped[int] = small()


class Order(Base):
    """Every order, as it is now."""

    __tablename__ = "orders"
    shard_id: Mapped[int] = small()
    order_id: Mapped[int] = key()
    placed_seq: Mapped[int]
    placed_time: Mapped[int]
    last_seq: Mapped[int]
    updated_time: Mapped[int]
    user_id: Mapped[int] = small()
    symbol_id: Mapped[int] = small()
    maker_ppm: Mapped[int] = small()
    taker_ppm: Mapped[int] = small()
    side: Mapped[str]
    kind: Mapped[str]
    time_in_force: Mapped[str | None]
    price: Mapped[Decimal | None]
    placed_quantity: Mapped[Decimal | None]
    placed_quote: Mapped[Decimal | None]
    client_order_id: Mapped[str]
    quantity: Mapped[Decimal | None]
    executed: Mapped[Decimal]
    executed_quote: Mapped[Decimal]
    status: Mapped[str]
    close_reason: Mapped[str | None]

    symbol: Mapped[Symbol] = relationship(primaryjoin=lambda: foreign(Order.symbol_id) == Symbol.symbol_id, viewonly=True)
    user: Mapped[User] = relationship(primaryjoin=lambda: foreign(Order.user_id) == User.user_id, viewonly=True)
    # With the shard, so that the join is made there.
    fills: Mapped[list["OrderFill"]] = relationship(
        primaryjoin=lambda: (Order.order_id == foreign(remote(OrderFill.order_id)))
        & (Order.shard_id == foreign(remote(OrderFill.shard_id))),
        order_by="OrderFill.trade_id",
        viewonly=True,
    )


class OpenOrder(Base):
    """Which orders are in the books."""

    __tablename__ = "open_orders"
    shard_id: Mapped[int] = small()
    order_id: Mapped[int] = key()
    user_id: Mapped[int] = small()
    symbol_id: Mapped[int] = small()

    order: Mapped[Order] = relationship(
        primaryjoin=lambda: (foreign(OpenOrder.order_id) == Order.order_id) & (foreign(OpenOrder.shard_id) == Order.shard_id),
        viewonly=True,
    )


class OrderFill(Base):
    """One order's side of one trade. A trade has two: its maker's and its taker's."""

    __tablename__ = "order_fills"
    shard_id: Mapped[int] = small()
    order_id: Mapped[int] = key()
    trade_id: Mapped[int] = key()
    seq: Mapped[int]
    time: Mapped[int]
    execution: Mapped[int]
    event_index: Mapped[int] = small()
    user_id: Mapped[int] = small()
    symbol_id: Mapped[int] = small()
    fee_asset_id: Mapped[int] = small()
    side: Mapped[str]
    liquidity: Mapped[str]
    price: Mapped[Decimal]
    quantity: Mapped[Decimal]
    quote: Mapped[Decimal]
    fee: Mapped[Decimal]

    order: Mapped[Order] = relationship(
        primaryjoin=lambda: (foreign(OrderFill.order_id) == Order.order_id) & (foreign(OrderFill.shard_id) == Order.shard_id),
        viewonly=True,
    )
    fee_asset: Mapped[Asset] = relationship(
        primaryjoin=lambda: foreign(OrderFill.fee_asset_id) == Asset.asset_id, viewonly=True
    )


class Position(Base):
    """What a user holds of a symbol through trading."""

    __tablename__ = "positions"
    shard_id: Mapped[int] = small()
    user_id: Mapped[int] = key(Integer)
    symbol_id: Mapped[int] = key(Integer)
    last_seq: Mapped[int]
    quantity: Mapped[Decimal]
    cost: Mapped[Decimal]
    realised: Mapped[Decimal]

    symbol: Mapped[Symbol] = relationship(
        primaryjoin=lambda: foreign(Position.symbol_id) == Symbol.symbol_id, viewonly=True
    )


class Balance(Base):
    """What a user owns of an asset."""

    __tablename__ = "balances"
    shard_id: Mapped[int] = small()
    user_id: Mapped[int] = key(Integer)
    asset_id: Mapped[int] = key(Integer)
    last_seq: Mapped[int]
    free: Mapped[Decimal]
    locked: Mapped[Decimal]

    asset: Mapped[Asset] = relationship(primaryjoin=lambda: foreign(Balance.asset_id) == Asset.asset_id, viewonly=True)


class CreditLimit(Base):
    """How far below zero a user's orders may draw an asset."""

    __tablename__ = "credit_limits"
    shard_id: Mapped[int] = small()
    user_id: Mapped[int] = key(Integer)
    asset_id: Mapped[int] = key(Integer)
    last_seq: Mapped[int]
    credit_limit: Mapped[Decimal]


class Movement(Base):
    """Every movement of money, one row for each side: the rows of an event in an asset sum to zero."""

    __tablename__ = "ledger"
    shard_id: Mapped[int] = small()
    seq: Mapped[int] = key()
    time: Mapped[int]
    movement_id: Mapped[int | None]
    event_index: Mapped[int] = key(Integer)
    user_id: Mapped[int | None] = mapped_column(Integer)
    asset_id: Mapped[int] = small()
    leg: Mapped[int] = key(SmallInteger)
    movement: Mapped[str]
    change: Mapped[Decimal]

    asset: Mapped[Asset] = relationship(primaryjoin=lambda: foreign(Movement.asset_id) == Asset.asset_id, viewonly=True)


class Withdrawal(Base):
    """Money on its way out."""

    __tablename__ = "withdrawals"
    shard_id: Mapped[int] = small()
    withdrawal_id: Mapped[int] = key()
    last_seq: Mapped[int]
    updated_time: Mapped[int]
    user_id: Mapped[int] = small()
    asset_id: Mapped[int] = small()
    status: Mapped[str]
    amount: Mapped[Decimal]
