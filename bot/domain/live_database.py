"""Live fields of a PostgreSQL role, from what the database says; reader and executor must agree on them."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class QueryClass:
    """Active backends of one role that run the same query_id; `oldest_s` is the age of the longest one, in seconds."""

    query_id: int
    backends: int
    oldest_s: int
    total_s: int


@dataclass(frozen=True, slots=True)
class RoleFacts:
    """One role and the database that it was read in, as numbers and truths."""

    system: int
    oid: int
    connection_limit: int
    privileged: bool
    own: bool
    replica: bool
    lag_s: int | None
    connections: int
    open_transactions: int
    classes: Sequence[QueryClass]


def name_of_class(query_id: int) -> str:
    """The query_id of pg_stat_activity, which is signed, as an identifier: 16 hexadecimal digits."""
    return f"{query_id & 0xFFFFFFFFFFFFFFFF:016x}"


def query_id_of(name: str) -> int:
    """The signed number behind `name_of_class`."""
    number = int(name, 16)
    return number - (1 << 64) if number >> 63 else number


def live_role(facts: RoleFacts) -> dict[str, str]:
    """The fields that `domain/actions` names for postgresql.role."""
    live = {
        "uid": f"{facts.system}/{facts.oid}",
        "connection_limit": str(facts.connection_limit),
        "privileged": _truth(facts.privileged),
        "own": _truth(facts.own),
        "database_role": "replica" if facts.replica else "primary",
        "connections": str(facts.connections),
        "open_transactions": str(facts.open_transactions),
        "classes": ",".join(f"{name_of_class(one.query_id)}={one.oldest_s}" for one in facts.classes),
    }
    if facts.lag_s is not None:
        live["replication_lag_s"] = str(facts.lag_s)
    if facts.classes:
        heaviest = max(facts.classes, key=lambda one: (one.total_s, one.backends, one.query_id))
        live |= {
            "query_class": name_of_class(heaviest.query_id),
            "query_class_backends": str(heaviest.backends),
            "query_class_oldest_s": str(heaviest.oldest_s),
        }
    return live


def oldest_of(classes: str, name: str) -> int:
    """Age in seconds of the oldest backend of a class in the field `classes`; -1 where the class has none."""
    ages = dict(one.split("=", 1) for one in classes.split(",") if "=" in one)
    return int(ages.get(name, "-1"))


def _truth(value: bool) -> str:
    return "true" if value else "false"
