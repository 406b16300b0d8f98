"""The Store on SQLAlchemy Core: SQLite (WAL, FULL) on one host, PostgreSQL in production; same schema, same code."""

import sqlite3
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import structlog
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnectionFree

from bot.adapters.store.glance import Glance
from bot.adapters.store.log_room import lay_out
from bot.adapters.store.migrate import bring_up_to_date
from bot.adapters.store.parts.base import Keys
from bot.adapters.store.parts.control import ControlPart
from bot.adapters.store.parts.deliveries import DeliveriesPart
from bot.adapters.store.parts.gating import GatingPart
from bot.adapters.store.parts.incidents import IncidentsPart
from bot.adapters.store.parts.intake import IntakePart
from bot.adapters.store.parts.log import LogPart
from bot.adapters.store.parts.orders import OrdersPart
from bot.adapters.store.parts.outbox import OutboxPart, next_message
from bot.adapters.store.parts.plans import PlansPart, next_plan
from bot.adapters.store.parts.retention import RetentionPart
from bot.adapters.store.parts.tasks import TasksPart, next_work
from bot.adapters.store.parts.watching import WatchingPart
from bot.adapters.store.sealing import Sealer
from bot.domain.errors import Conflict, Permanent, Retryable
from bot.domain.incident import Incident
from bot.domain.incident_fold import apply
from bot.ports import Store, Transaction
from bot.settings import Settings

T = TypeVar("T")

MOST_FOLDS = 200
_ATTEMPTS = 12
_BUSY_TIMEOUT_S = 8.0
_ASK_AGAIN_S = 0.0015
# Each thread that looks has a connection; what leaves this cache is still in the operating system's.
_CACHE_KIB = 1000
# A server that is gone without a word must be an error, not a wait for ever.
_CONNECT_S = 5
_LIMITS = f"-c lock_timeout={_BUSY_TIMEOUT_S * 1000:.0f} -c statement_timeout=60000"
# A plan kept from when a table was small reads all of it for every lookup of a storm; poolers also take none.
_PLANNED_ANEW: dict[str, None] = {"prepare_threshold": None}
# Copying the log into the database file less often: a storm writes the same pages again and again. 16 MB at most.
_CHECKPOINT_PAGES = 4000
_KEEPALIVE = {
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
}
_RACES = ("40001", "40P01", "23505")
# What an event that somebody changed, or that a newer version wrote, may raise when it is read.
_UNREADABLE = (ValueError, LookupError, TypeError, AttributeError, RecursionError)

_log = structlog.get_logger()


class SqlTransaction(
    LogPart,
    IntakePart,
    DeliveriesPart,
    IncidentsPart,
    TasksPart,
    OutboxPart,
    PlansPart,
    GatingPart,
    OrdersPart,
    ControlPart,
    WatchingPart,
    RetentionPart,
):
    """One transaction with every group of methods. Folds start from what this process folded before."""

    def __init__(
        self, connection: Connection, tenant: str, keys: Keys, folds: dict[str, Incident], told: set[str]
    ) -> None:
        super().__init__(connection, tenant, keys)
        self._folds = folds
        self._told = told
        self.folded: dict[str, Incident] = {}

    def incident(self, incident: str) -> Incident | None:
        """None, too, where its log cannot be read: nothing may be decided on it, and no other one waits for it."""
        folded = self.folded.get(incident) or self._folds.get(incident)
        try:
            for entry in self.events(incident, after=folded.seq if folded else 0):
                folded = apply(folded, entry)
        except _UNREADABLE as error:
            if incident not in self._told:
                self._told.add(incident)
                _log.error("incident_log_damaged", incident=incident, reason=type(error).__name__)
            return None
        if folded is not None:
            self.folded[incident] = folded
        return folded


class SqlStore:
    """`bot.ports.Store`. One writer at a time per process; a lost race runs the work again."""

    def __init__(self, engine: Engine, tenant: str, keys: Keys) -> None:
        self.tenant = tenant
        self.engine = engine
        self._keys = keys
        self._folds: dict[str, Incident] = {}
        self._told: set[str] = set()
        self._writer = threading.Lock()
        self._kept: Connection | None = None
        self._folding = threading.Lock()

    def transact(self, work: Callable[[Transaction], T]) -> T:
        """Run `work` and commit; raises Retryable when the database is locked, full or away."""
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return self._written(work)
            except Conflict:
                if attempt == _ATTEMPTS:
                    raise
            except DBAPIError as error:
                if attempt == _ATTEMPTS or not _lost_race(error):
                    raise _translated(error) from error
            except NoConnectionFree as error:
                raise _crowded() from error
        raise AssertionError  # The loop above returns or raises.

    def _written(self, work: Callable[[Transaction], T]) -> T:
        """Work on the connection that writes; SQLite's is kept, since fetching one costs a third of a commit."""
        keep = False
        with self._writer:
            connection = self._kept or self.engine.connect().execution_options(writing=True)
            self._kept = None
            try:
                with connection.begin():
                    found = work(self._transaction(connection))
                keep = connection.dialect.name == "sqlite"
            finally:
                if keep:
                    self._kept = connection
                else:
                    connection.close()
        return found

    def read(self, work: Callable[[Transaction], T]) -> T:
        """Run `work` in a reading transaction; raises Retryable when the database is away."""
        try:
            with self.engine.connect() as connection, connection.begin():
                transaction = self._transaction(connection)
                result = work(transaction)
        except DBAPIError as error:
            raise _translated(error) from error
        except NoConnectionFree as error:
            raise _crowded() from error
        self._remember(transaction.folded)
        return result

    def _transaction(self, connection: Connection) -> SqlTransaction:
        return SqlTransaction(connection, self.tenant, self._keys, self._folds, self._told)

    def _remember(self, folded: Mapping[str, Incident]) -> None:
        """Keep the incidents that were looked at last."""
        with self._folding:
            for incident, fold in folded.items():
                self._folds.pop(incident, None)
                self._folds[incident] = fold
            while len(self._folds) > MOST_FOLDS:
                del self._folds[next(iter(self._folds))]

    def next_message(self) -> Callable[[], tuple[bool, float | None]]:
        """Tells whether anything may have been committed since it was last asked, and when the next message is due."""
        row = next_message(self.tenant)
        return Glance(self.engine, row, lambda: self.read(lambda tx: tx.next_message_at()))

    def next_plan(self) -> Callable[[], tuple[bool, float | None]]:
        """Tells whether anything may have been committed since it was last asked, and from when a plan may be claimed."""
        row = next_plan(self.tenant)
        return Glance(self.engine, row, lambda: self.read(lambda tx: tx.next_plan_at()))

    def next_work(self) -> Callable[[], tuple[bool, float | None]]:
        """Tells whether anything may have been committed since it was last asked, and since when work waits."""
        row = next_work(self.tenant)
        return Glance(self.engine, row, lambda: self.read(lambda tx: tx.next_work_at()))

    def close(self) -> None:
        """Give every connection back; the next use opens another."""
        with self._writer:
            if self._kept is not None:
                self._kept.close()
                self._kept = None
        self.engine.dispose()


def open_store(settings: Settings, *, migrate: bool = True, for_storms: bool = False) -> Store:
    """Open the configured database; raises Permanent with what to do.

    `migrate` brings the schema up to date; a short-lived child of a process that did so leaves it out. `for_storms` makes
    room for many commits, which whoever takes them in needs.
    """
    settings.require("store", ["audit_key", "storage_key"])
    engine = open_engine(settings.database_url)
    try:
        if migrate:
            bring_up_to_date(engine, settings.data_dir)
        if for_storms:
            lay_out(engine, _CHECKPOINT_PAGES)
    except DBAPIError as error:
        message = (
            f"database {engine.url.render_as_string(hide_password=True)} cannot be used: {_cause(error)}"
        )
        raise Permanent(message) from error
    return SqlStore(engine, settings.tenant, keys_of(settings))


def keys_of(settings: Settings) -> Keys:
    """The store's secrets from settings; raises Permanent naming what is missing."""
    settings.require("store", ["audit_key", "storage_key"])
    audit, storage = settings.audit_key, settings.storage_key
    return Keys(
        audit.get_secret_value().encode() if audit else b"",
        Sealer(storage.get_secret_value().encode() if storage else b""),
    )


def open_engine(database_url: str) -> Engine:
    """An engine with our pragmas; raises Permanent for a URL that is not SQLite or PostgreSQL."""
    try:
        url = make_url(database_url)
    except ArgumentError as error:
        message = (
            "WATCHKEEPER_DATABASE_URL is not a database URL (sqlite:///FILE or postgresql+psycopg://...)"
        )
        raise Permanent(message) from error
    if url.get_backend_name() == "postgresql":
        return create_engine(
            url.set(drivername="postgresql+psycopg"),
            pool_pre_ping=True,
            pool_size=8,
            hide_parameters=True,
            connect_args={"connect_timeout": _CONNECT_S, "options": _LIMITS} | _PLANNED_ANEW | _KEEPALIVE,
        )
    if url.get_backend_name() != "sqlite" or not url.database:
        message = (
            f"WATCHKEEPER_DATABASE_URL: {url.get_backend_name()} is not supported, use SQLite or PostgreSQL"
        )
        raise Permanent(message)
    _make_folder(Path(url.database).parent)
    # What a statement holds may be a secret of a payload, and an error of the library would print it.
    engine = create_engine(
        url, hide_parameters=True, connect_args={"timeout": _BUSY_TIMEOUT_S, "check_same_thread": False}
    )
    event.listen(engine, "connect", _set_pragmas)
    event.listen(engine, "begin", _begin)
    return engine


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        message = f"cannot create {folder} for the database: {error.strerror}; choose another WATCHKEEPER_DATABASE_URL"
        raise Permanent(message) from error


def _set_pragmas(connection: Any, _record: Any) -> None:
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.execute(f"PRAGMA cache_size=-{_CACHE_KIB}")
    cursor.execute(f"PRAGMA wal_autocheckpoint={_CHECKPOINT_PAGES}")
    cursor.close()


def _begin(connection: Connection) -> None:
    own, writing = connection.connection, connection.get_execution_options().get("writing", False)
    if own.info.get("writing", False) is not writing:
        own.info["writing"] = writing
        own.execute(f"PRAGMA busy_timeout={0 if writing else _BUSY_TIMEOUT_S * 1000:.0f}")
    if not writing:
        own.execute("BEGIN")
    elif not _turn_taken(own):
        connection.exec_driver_sql("BEGIN IMMEDIATE")  # Waits no more, and says what is wrong.


def _turn_taken(raw: Any) -> bool:
    """Ask for the write lock every millisecond or two.

    SQLite's own waiting sleeps for up to 100 ms at a time, so that a click would starve beside a storm's transactions.
    """
    end = time.monotonic() + _BUSY_TIMEOUT_S
    while time.monotonic() < end:
        try:
            raw.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if getattr(error, "sqlite_errorcode", 0) & 0xFF != sqlite3.SQLITE_BUSY:
                return False
            time.sleep(_ASK_AGAIN_S)
        else:
            return True
    return False


def _lost_race(error: DBAPIError) -> bool:
    return getattr(error.orig, "sqlstate", None) in _RACES


def _cause(error: DBAPIError) -> str:
    return str(error.orig).strip().splitlines()[0] if error.orig else type(error).__name__


def _crowded() -> Retryable:
    return Retryable("the database is not available: every connection is in use", delay_s=1.0)


def _translated(error: DBAPIError) -> Retryable | Permanent:
    if isinstance(error, OperationalError) or error.connection_invalidated:
        return Retryable(f"the database is not available: {_cause(error)}", delay_s=1.0)
    return Permanent(f"the database refused a statement: {_cause(error)}")
