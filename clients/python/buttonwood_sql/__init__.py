"""Read-only SQLAlchemy models of what a Buttonwood venue writes into PostgreSQL.

The same models read one shard (its schema `routed`) and a router (all shards at once)::

    with reading("postgresql://eyes:…@host/router") as session:
        order = session.get(Order, 4711)
        print(order.symbol.code, order.status, [fill.price for fill in order.fills])

Nothing can be written through them: a flush, a bulk statement and the connection itself refuse it.
"""

from .models import (
    Asset,
    Balance,
    Base,
    Checkpoint,
    CreditLimit,
    Movement,
    OpenOrder,
    Order,
    OrderFill,
    Position,
    Symbol,
    SymbolTenure,
    User,
    UserTenure,
    Venue,
    Withdrawal,
)
from .people import (
    ReadableBalance,
    ReadableMovement,
    ReadableOpenOrder,
    ReadableOrder,
    ReadableOrderFill,
    ReadablePosition,
    TurnoverOfSymbol,
)
from .reading import ReadOnlyError, engine, reading

__all__ = [
    "Asset",
    "Balance",
    "Base",
    "Checkpoint",
    "CreditLimit",
    "Movement",
    "OpenOrder",
    "Order",
    "OrderFill",
    "Position",
    "ReadOnlyError",
    "ReadableBalance",
    "ReadableMovement",
    "ReadableOpenOrder",
    "ReadableOrder",
    "ReadableOrderFill",
    "ReadablePosition",
    "Symbol",
    "SymbolTenure",
    "TurnoverOfSymbol",
    "User",
    "UserTenure",
    "Venue",
    "Withdrawal",
    "engine",
    "reading",
]
