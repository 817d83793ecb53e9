"""Sessions that read, and the refusal of everything else."""

import contextlib
from collections.abc import Iterator
from typing import Any, NoReturn

import sqlalchemy
from sqlalchemy import event
from sqlalchemy.orm import Mapper, ORMExecuteState, Session

from .models import Base


class ReadOnlyError(RuntimeError):
    """Databases follow the journal: what is to change is asked of the venue."""


def engine(url: str, **options: Any) -> sqlalchemy.Engine:
    """An engine for a shard or a router. Its connections refuse to write, and find the tables of either."""
    made = sqlalchemy.make_url(url)
    if made.drivername in ("postgresql", "postgres"):
        made = made.set(drivername="postgresql+psycopg")
    # A router has no schema `routed`; there the tables are in `public`.
    settings = "-c search_path=routed,public -c default_transaction_read_only=on"
    return sqlalchemy.create_engine(made, connect_args={"options": settings}, **options)


@contextlib.contextmanager
def reading(where: str | sqlalchemy.Engine) -> Iterator[Session]:
    """A session that sees one moment: of a shard, or of each shard of a router."""
    own = engine(where) if isinstance(where, str) else None
    bound = own or where
    assert isinstance(bound, sqlalchemy.Engine)
    try:
        with Session(bound.execution_options(isolation_level="REPEATABLE READ")) as session:
            yield session
    finally:
        if own is not None:
            own.dispose()


def _refuse(what: str) -> NoReturn:
    raise ReadOnlyError(f"{what}: these models only read; databases follow the journal, ask the venue for a change")


@event.listens_for(Base, "before_insert", propagate=True)
@event.listens_for(Base, "before_update", propagate=True)
@event.listens_for(Base, "before_delete", propagate=True)
def _refuse_flush(mapper: Mapper[Any], _connection: Any, _target: Any) -> NoReturn:
    _refuse(f"writing a {mapper.class_.__name__}")


@event.listens_for(Session, "do_orm_execute")
def _refuse_statement(state: ORMExecuteState) -> None:
    ours = state.bind_mapper is not None and issubclass(state.bind_mapper.class_, Base)
    if ours and (state.is_insert or state.is_update or state.is_delete):
        _refuse("a statement that writes")
