"""The models of clients/python against the real schema: every column, of a shard and of the router, and what is read through them."""

import datetime
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import buttonwood_sql as sql
import psycopg
import pytest
from buttonwood_sql.models import at
from conftest import SYMBOLS
from sqlalchemy import delete, func, insert, inspect, select, text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session, selectinload

# What a router adds up, and shows in views of its own.
PARTS = {"pnl_by_user", "turnover_by_user"}
PACKAGE = Path(sql.__file__).parent


def columns(url, schema):
    query = """SELECT table_name, column_name, data_type FROM information_schema.columns WHERE table_schema = %s"""
    with psycopg.connect(url) as connection:
        found = {}
        for table, column, kind in connection.execute(query, [schema]):
            found.setdefault(table, {})[column] = kind
        return found


def modelled():
    types = {"BIGINT": "bigint", "INTEGER": "integer", "SMALLINT": "smallint", "NUMERIC": "numeric", "TEXT": "text"}
    types |= {"BOOLEAN": "boolean", "TIMESTAMP WITH TIME ZONE": "timestamp with time zone"}
    from sqlalchemy.dialects import postgresql

    dialect = postgresql.dialect()
    return {
        table.name: {column.name: types[column.type.compile(dialect)] for column in table.columns}
        for table in sql.Base.metadata.tables.values()
    }


def test_every_column_of_a_shard_has_its_model(desk):
    live = {name: found for name, found in columns(desk.shards[0], "routed").items() if name not in PARTS}
    assert modelled() == live


def test_a_router_has_the_same_columns(desk):
    live = columns(desk.router, "public")
    for name, expected in modelled().items():
        assert live[name] == expected, name


def test_what_can_be_absent_is_what_the_tables_allow(desk):
    query = """SELECT c.table_name, c.column_name, c.is_nullable = 'YES' FROM information_schema.columns AS c
               JOIN information_schema.tables AS t USING (table_schema, table_name)
               WHERE table_schema = 'public' AND t.table_type = 'BASE TABLE'"""
    with psycopg.connect(desk.shards[0]) as connection:
        nullable = {(table, column): absent for table, column, absent in connection.execute(query)}
    checked = 0
    for table in sql.Base.metadata.tables.values():
        for column in table.columns:
            if (table.name, column.name) in nullable:
                assert column.nullable == nullable[table.name, column.name], f"{table.name}.{column.name}"
                checked += 1
    assert checked > 100


def test_every_model_can_be_read_everywhere(desk):
    for url in desk.databases:
        with sql.reading(url) as session:
            for mapper in sql.Base.registry.mappers:
                session.scalars(select(mapper.class_).limit(5)).all()


def test_a_router_reads_what_was_traded(desk):
    seller, buyer = desk.users
    with sql.reading(desk.router) as session:
        orders = session.scalars(
            select(sql.Order).where(sql.Order.user_id == seller).options(selectinload(sql.Order.fills)).order_by(sql.Order.order_id)
        ).all()
        assert [order.symbol.code for order in orders] == SYMBOLS
        for order in orders:
            assert (order.client_order_id, order.side) == (f"offer-{order.symbol.code}", "sell")
            assert order.status == "partially_filled"
            assert (order.price, order.quantity, order.executed) == (Decimal(100), Decimal(1), Decimal("0.4"))
            [fill] = order.fills
            assert (fill.liquidity, fill.price, fill.quantity) == ("maker", Decimal(100), Decimal("0.4"))
            assert (fill.fee, fill.fee_asset.code, fill.order) == (Decimal("0.04"), "USDT", order)
            assert abs(at(order.placed_time) - datetime.datetime.now(datetime.UTC)) < datetime.timedelta(hours=1)
        assert session.scalar(select(func.count()).select_from(sql.OpenOrder)) == len(SYMBOLS)
        assert {open_order.order.client_order_id for open_order in session.scalars(select(sql.OpenOrder))} == {f"offer-{symbol}" for symbol in SYMBOLS}
        canceled = session.scalars(select(sql.Order).where(sql.Order.client_order_id.startswith("low-"))).all()
        assert [(order.status, order.close_reason) for order in canceled] == [("canceled", "canceled")] * len(SYMBOLS)

        owner = session.get_one(sql.User, seller)
        held = {balance.asset.code: (balance.free, balance.locked) for balance in owner.balances}
        assert held["BTC"] == (Decimal(999), Decimal("0.6"))
        assert held["USDT"] == (Decimal("1107.38"), Decimal("12.5"))
        assert {position.symbol.code: position.quantity for position in owner.positions} == dict.fromkeys(SYMBOLS, Decimal("-0.4"))
        assert session.get_one(sql.Withdrawal, desk.withdrawal).amount == Decimal("12.5")
        assert session.scalars(select(sql.CreditLimit)).one().credit_limit == 50
        symbol = session.scalars(select(sql.Symbol).where(sql.Symbol.code == "BTCUSDT")).one()
        assert (symbol.base.code, symbol.quote.code, symbol.tick_size) == ("BTC", "USDT", Decimal("0.01"))
        # Every movement on whatever shard: the two sides of each are equal.
        sums = session.execute(select(sql.Movement.asset_id, func.sum(sql.Movement.change)).group_by(sql.Movement.asset_id))
        assert {total for _, total in sums} == {0}
        readable = session.scalars(select(sql.ReadableOrder).where(sql.ReadableOrder.user_id == buyer)).all()
        assert len(readable) == 2 * len(SYMBOLS)


def test_shards_have_their_parts_of_it(desk):
    found = []
    for url in desk.shards:
        with sql.reading(url) as session:
            [shard] = set(session.scalars(select(sql.Checkpoint.shard_id)))
            orders = session.scalars(select(sql.Order)).all()
            assert {order.shard_id for order in orders} <= {shard}
            found += [order.order_id for order in orders]
    with sql.reading(desk.router) as session:
        assert sorted(found) == session.scalars(select(sql.Order.order_id).order_by(sql.Order.order_id)).all()
    assert len(found) == 3 * len(SYMBOLS)


def test_a_relation_is_joined_on_the_shards(desk):
    statement = select(sql.Order, sql.OrderFill).join(sql.Order.fills).where(sql.Order.user_id == desk.users[0])
    with sql.reading(desk.router) as session:
        compiled = statement.compile(session.get_bind(), compile_kwargs={"literal_binds": True})
        plan = "\n".join(session.scalars(text(f"EXPLAIN (VERBOSE) {compiled}")))
    assert plan.count("INNER JOIN routed.order_fills") == len(desk.shards), plan


@pytest.mark.parametrize("plain", [False, True])
def test_nothing_is_written(desk, plain):
    engine = sql.engine(desk.shards[0])

    def refused(write, error=sql.ReadOnlyError):
        with Session(engine) if plain else sql.reading(engine) as session, pytest.raises(error) as told:
            write(session)
            session.flush()
        return str(told.value)

    assert "ask the venue" in refused(lambda session: session.add(sql.Asset(asset_id=9, code="X", scale=1, last_seq=1)))
    refused(lambda session: setattr(session.scalars(select(sql.Symbol)).first(), "status", "halted"))
    refused(lambda session: session.delete(session.scalars(select(sql.Symbol)).first()))
    refused(lambda session: session.execute(update(sql.Order).values(status="filled")))
    refused(lambda session: session.execute(delete(sql.Order)))
    refused(lambda session: session.execute(insert(sql.Asset), [{"asset_id": 9, "code": "X", "scale": 1, "last_seq": 1}]))
    # Past the models the connection says no.
    assert "read-only transaction" in refused(lambda session: session.execute(text("DELETE FROM public.open_orders")), DBAPIError)
    engine.dispose()


def test_models_of_others_are_left_alone():
    from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

    class Own(DeclarativeBase):
        pass

    class Note(Own):
        __tablename__ = "notes"
        number: Mapped[int] = mapped_column(primary_key=True)

    from sqlalchemy import create_engine

    engine = create_engine("sqlite://")
    Own.metadata.create_all(engine)
    with Session(engine) as session:
        session.add(Note(number=1))
        session.flush()
        session.execute(update(Note).values(number=2))
        assert session.scalars(select(Note.number)).one() == 2


def test_relations_never_write():
    for mapper in sql.Base.registry.mappers:
        for relation in inspect(mapper.class_).relationships:
            assert relation.viewonly, relation


def test_types_are_told():
    checked = subprocess.run([sys.executable, "-m", "mypy", "--strict", "--cache-dir=/dev/null", str(PACKAGE)], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr
