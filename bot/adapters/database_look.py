"""Reading one PostgreSQL database, shared by the inventory and the executor; holds no statement that changes anything.

Every connection is short: two seconds to connect, four for a statement, no retry.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import errors
from psycopg.rows import dict_row

from bot.domain.errors import Permanent, Refused, Retryable, Undecided, WatchkeeperError
from bot.domain.live_database import QueryClass, RoleFacts
from bot.domain.secret import SecretStr

_OPTIONS = "-c statement_timeout=4000 -c lock_timeout=2000 -c idle_in_transaction_session_timeout=4000"
_MOST_CLASSES = 20
# Seconds by which the slowest follower is behind, or this server itself where it follows; NULL where a follower that
# is expected (its slot is there) is not connected, since nobody knows then how far behind it is.
_LAG = """
SELECT CASE WHEN away OR (late AND replayed_at IS NULL) THEN NULL ELSE greatest(
  slowest, CASE WHEN late THEN extract(epoch FROM clock_timestamp() - replayed_at) ELSE 0 END
)::int END AS lag_s
FROM (SELECT
  EXISTS (SELECT FROM pg_replication_slots WHERE slot_type = 'physical' AND NOT active) AS away,
  (SELECT coalesce(max(extract(epoch FROM replay_lag)), 0) FROM pg_stat_replication) AS slowest,
  pg_is_in_recovery() AND pg_last_wal_receive_lsn() IS DISTINCT FROM pg_last_wal_replay_lsn() AS late,
  pg_last_xact_replay_timestamp() AS replayed_at
) AS replication
"""
_ROLE = """
SELECT (SELECT system_identifier FROM pg_control_system()) AS system, r.oid::bigint AS oid,
  r.rolconnlimit AS connection_limit, r.rolsuper OR r.rolreplication AS privileged,
  r.rolname = current_user AS own, pg_is_in_recovery() AS replica,
  (SELECT count(*) FROM pg_stat_activity WHERE usename = r.rolname)::int AS connections,
  (SELECT count(*) FROM pg_stat_activity WHERE usename = r.rolname AND xact_start IS NOT NULL)::int
    AS open_transactions
FROM pg_roles r WHERE r.rolname = %s
"""
_CLASSES = """
SELECT query_id, count(*)::int AS backends,
  max(extract(epoch FROM clock_timestamp() - query_start))::int AS oldest_s,
  sum(extract(epoch FROM clock_timestamp() - query_start))::int AS total_s
FROM pg_stat_activity
WHERE usename = %s AND state = 'active' AND backend_type = 'client backend' AND query_id IS NOT NULL
GROUP BY query_id ORDER BY total_s DESC, query_id LIMIT %s
"""
_STATE = """
SELECT (SELECT count(*) FROM pg_stat_activity
    WHERE xact_start IS NOT NULL AND backend_type = 'client backend' AND pid <> pg_backend_pid())::int AS open
"""


class Databases:
    """The declared databases, each reached by its own fixed DSN within `connect_s` seconds."""

    def __init__(self, dsns: Mapping[str, SecretStr], *, connect_s: int = 2) -> None:
        self._dsns = dict(dsns)
        self._connect_s = connect_s

    def role(self, database: str, name: str) -> RoleFacts:
        """Everything about one role; raises Permanent where there is none of that name."""
        with self.connected(database, writes=False) as connection:
            found = connection.execute(_ROLE, (name,)).fetchone()
            lag = _lag_s(connection)
            classes = connection.execute(_CLASSES, (name, _MOST_CLASSES)).fetchall()
        if found is None:
            message = f"database {database} has no role {name}"
            raise Permanent(message)
        return RoleFacts(**found, lag_s=lag, classes=tuple(QueryClass(**one) for one in classes))

    def state(self, database: str) -> Mapping[str, str]:
        """Lag (empty where unknown) and open transactions of a database; nothing for one that is not declared."""
        if database not in self._dsns:
            return {}
        with self.connected(database, writes=False) as connection:
            found = connection.execute(_STATE).fetchone() or {}
            lag = _lag_s(connection)
        return {"open_transactions": str(found["open"]), "sql_lag_s": "" if lag is None else str(lag)}

    @contextmanager
    def connected(self, database: str, *, writes: bool) -> Iterator["psycopg.Connection[dict[str, Any]]"]:
        """A connection in autocommit; every error of the driver leaves as one of ours."""
        dsn = self._dsns.get(database)
        if dsn is None:
            message = f"database {database} is not one of the declared ones"
            raise Refused(message, rule="outside_databases")
        try:
            connection = psycopg.connect(
                dsn.get_secret_value(),
                autocommit=True,
                connect_timeout=self._connect_s,
                options=_OPTIONS,
                application_name="watchkeeper",
                row_factory=dict_row,
                # A server that is gone without a word ends no statement: the system ends the connection, within seconds.
                keepalives_idle=4,
                keepalives_interval=2,
                keepalives_count=3,
                tcp_user_timeout=8000,
            )
        except psycopg.Error as error:
            raise _unconnected(database, error) from error
        try:
            with connection:
                yield connection
        except psycopg.Error as error:
            raise failure(database, error, writes=writes) from error


def _lag_s(connection: "psycopg.Connection[dict[str, Any]]") -> int | None:
    found = connection.execute(_LAG).fetchone() or {}
    return found.get("lag_s")


def failure(database: str, error: psycopg.Error, *, writes: bool) -> WatchkeeperError:
    """What an error of a statement means; a write whose fate is unknown is Undecided."""
    message = f"database {database}: {_first_line(error)}"
    if isinstance(error, errors.InsufficientPrivilege):
        return Refused(message, rule="forbidden")
    if isinstance(error, errors.LockNotAvailable):
        return Retryable(message)
    if isinstance(error, errors.ReadOnlySqlTransaction):
        return Refused(message, rule="replica")
    lost = error.sqlstate is None or isinstance(error, (psycopg.OperationalError, errors.QueryCanceled))
    if lost:
        return Undecided(message) if writes else Retryable(message)
    return Permanent(message)


def _unconnected(database: str, error: psycopg.Error) -> WatchkeeperError:
    """Nothing was sent. The message of a failed log-in never holds the password."""
    text = _first_line(error)
    message = f"database {database} cannot be reached: {text}"
    refused = any(
        word in text for word in ("authentication failed", "does not exist", "not permitted", "no pg_hba")
    )
    return Refused(message, rule="forbidden") if refused else Retryable(message)


def _first_line(error: psycopg.Error) -> str:
    return (str(error).strip().splitlines() or ["no answer"])[0][:300]
