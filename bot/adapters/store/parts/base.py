"""What every part shares: the connection, the tenant, the keys, and the insert that tolerates a twin."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any, cast

from sqlalchemy import Connection, Table, bindparam
from sqlalchemy.exc import DBAPIError

from bot.adapters.store.sealing import Sealer

_COMPILED: dict[tuple[str, str], tuple[str, tuple[str, ...]]] = {}
_MADE: dict[tuple[str, str], Any] = {}


@cache
def _inserts(dialect: str) -> Callable[[Table], Any]:
    """Only the dialect at hand is loaded: the other one costs each process two megabytes."""
    return cast(Callable[[Table], Any], import_module(f"sqlalchemy.dialects.{dialect}").insert)


@dataclass(frozen=True, slots=True)
class Keys:
    """Secrets of the store: `audit` chains the log, `sealer` encrypts raw payloads."""

    audit: bytes
    sealer: Sealer


class Part:
    """Base of the parts; one instance lives for one transaction."""

    def __init__(self, connection: Connection, tenant: str, keys: Keys) -> None:
        self._connection = connection
        self._tenant = tenant
        self._keys = keys

    def _upsert(self, table: Table) -> Any:
        """An INSERT that knows ON CONFLICT in the dialect at hand."""
        return _inserts(self._connection.dialect.name)(table)

    def _run(self, what: str, make: Callable[[], Any], **values: object) -> Any:
        """Run a statement that is made once and known by `what`; `values` are its bound parameters.

        Making a statement costs SQLAlchemy several times as much as running it, and loops run the same ones all day.
        The tenant is bound as `tenant`, in an UPDATE, where names of columns are taken, as `of_tenant`.
        """
        statement = self._made(what, make)
        tenant = "of_tenant" if statement.is_update else "tenant"
        return self._connection.execute(statement, {tenant: self._tenant, **values})

    def _made(self, what: str, make: Callable[[], Any]) -> Any:
        key = (self._connection.dialect.name, what)
        if key not in _MADE:
            _MADE[key] = make()
        return _MADE[key]

    def _changed(self, statement: Any) -> bool:
        """Run an UPDATE or INSERT and say whether it touched exactly one row."""
        return self._connection.execute(statement.execution_options(preserve_rowcount=True)).rowcount == 1

    def _touched(self, what: str, make: Callable[[], Any], **values: object) -> bool:
        """Run a statement made once, and say whether it touched exactly one row."""
        return bool(
            self._run(what, lambda: make().execution_options(preserve_rowcount=True), **values).rowcount == 1
        )

    def _new(self, what: str, table: Table, row: Mapping[str, object]) -> bool:
        """Insert a row whose columns need no conversion; False where its key is taken. `what` names the columns given."""
        columns = tuple(row)

        def make() -> Any:
            bound: dict[str, Any] = {name: bindparam(name) for name in columns}
            return self._upsert(table).values(bound).on_conflict_do_nothing()

        text, order = self._compiled(what, make, columns)
        values: Any = tuple(row[name] for name in order) if order else dict(row)
        return self._connection.exec_driver_sql(text, values).rowcount == 1

    def _compiled(
        self, what: str, make: Callable[[], Any], columns: Sequence[str]
    ) -> tuple[str, tuple[str, ...]]:
        """The text of a statement for the driver, and the order of its values where they are not named."""
        dialect = self._connection.dialect
        key = (dialect.name, what)
        if key not in _COMPILED:
            compiled = make().compile(dialect=dialect, column_keys=list(columns))
            _COMPILED[key] = str(compiled), tuple(compiled.positiontup or ())
        return _COMPILED[key]

    def _many(
        self,
        what: str,
        make: Callable[[], Any],
        columns: Sequence[str],
        rows: Sequence[tuple[object, ...]],
    ) -> None:
        """Run an INSERT, made once and known by `what`, for many rows; each is a tuple in the order of `columns`.

        Only for columns that need no conversion; a storm's rows would else be converted one value at a time.
        """
        text, order = self._compiled(what, make, columns)
        if not order:
            self._connection.exec_driver_sql(text, [dict(zip(columns, row, strict=True)) for row in rows])
            return
        places = None if order == tuple(columns) else [columns.index(name) for name in order]
        placed = rows if places is None else [tuple(row[at] for at in places) for row in rows]
        self._at_once(text, placed)

    def _at_once(self, text: str, rows: Sequence[tuple[object, ...]]) -> None:
        """Straight to the driver: SQLAlchemy's own way there costs as much as a few rows. Errors are the same."""
        base = cast(type[Exception], self._connection.dialect.loaded_dbapi.Error)
        try:
            self._connection.connection.cursor().executemany(text, rows)
        except base as error:
            raise DBAPIError.instance(text, None, error, base, hide_parameters=True) from error
