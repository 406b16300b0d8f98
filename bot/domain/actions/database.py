"""Actions on the roles of a PostgreSQL database: cap a client's connections, end a class of its queries.

Live fields of `postgresql.role` (scope = declared database): uid = "SYSTEM/OID"; connection_limit (-1 = none);
privileged = superuser or replication; own = the role that reads; database_role = primary or replica;
replication_lag_s = of the slowest standby, or its own where it is one, absent where one is away; connections, open_transactions (numbers); classes = every class of active
queries with the age of its oldest in seconds; query_class, query_class_backends, query_class_oldest_s = the heaviest
of them, absent where there is none. A class is a query_id of pg_stat_activity in hexadecimal.
"""

from collections.abc import Mapping

from bot.domain.catalogue import Action, Live, Param, Params
from bot.domain.live_database import oldest_of
from bot.domain.plan import ActionClass, Target

KINDS: Mapping[str, frozenset[str]] = {
    "postgresql.role": frozenset(
        {"connection_limit", "privileged", "own", "database_role", "replication_lag_s", "connections"}
        | {"open_transactions", "classes"}
        | {"query_class", "query_class_backends", "query_class_oldest_s"}
    )
}
_ROLE = r"[a-z][a-z0-9_]{0,62}"
_STEP = 20
_READS = ("sql:pg_roles:SELECT", "sql:pg_stat_activity:SELECT")


def _untouchable(live: Live) -> str:
    if live["privileged"] != "false":
        return "it is a superuser or a replication role, which nothing here may touch."
    if live["own"] != "false":
        return "it is Watchkeeper's own role."
    return ""


def _limit_command(target: Target, params: Params) -> tuple[str, ...]:
    return (
        "postgresql", "alter-role", f"--database={target.scope}", f"--connection-limit={params['limit']}", "--",
        target.name,
    )  # fmt: skip


def _limit_refuses(live: Live, params: Params) -> str:
    if int(params["limit"]) == 0:
        return "a limit of no connections would cut the client off."
    if live["database_role"] != "primary":
        return "a replica cannot change a role; it is done on the primary."
    return _untouchable(live)


LIMIT_ROLE_CONNECTIONS = Action(
    id="postgresql/limit-role-connections",
    executor="postgresql",
    target_kind="postgresql.role",
    klass=ActionClass.RISKY,
    # -1 is PostgreSQL's word for no limit; only the way back to it uses it.
    params={"limit": Param("integer", minimum=-1, maximum=10_000)},
    command=_limit_command,
    inverse=lambda live, _params: {"limit": int(live["connection_limit"])},
    expect=("connection_limit",),
    sets=lambda params: {"connection_limit": str(params["limit"])},
    settled=lambda live, params: live["connection_limit"] == str(params["limit"]),
    blast_radius=lambda _live, _params: {"roles": 1},
    permissions=(*_READS, "sql:watchkeeper.limit_role_connections:EXECUTE"),
    refuses=_limit_refuses,
    name_pattern=_ROLE,
)


def _terminate_command(target: Target, params: Params) -> tuple[str, ...]:
    return (
        "postgresql", "terminate-backends", f"--database={target.scope}", f"--query-class={params['query_class']}",
        f"--older-than={params['older_s']}s", "--", target.name,
    )  # fmt: skip


def _ended(live: Live, params: Params) -> bool:
    return oldest_of(live["classes"], str(params["query_class"])) < int(params["older_s"])


def _backends(live: Live, _params: Params) -> Mapping[str, int]:
    # The number moves from second to second; what is shown and approved is the next full score above it.
    return {"queries": -(-max(1, int(live["connections"])) // _STEP) * _STEP}


TERMINATE_QUERY_CLASS = Action(
    id="postgresql/terminate-query-class",
    executor="postgresql",
    target_kind="postgresql.role",
    klass=ActionClass.RISKY,
    params={
        "query_class": Param("name", pattern=r"[0-9a-f]{16}"),
        "older_s": Param("integer", minimum=1, maximum=3600),
    },
    command=_terminate_command,
    inverse=lambda _live, _params: None,
    expect=(),
    sets=lambda _params: {},
    settled=_ended,
    blast_radius=_backends,
    permissions=(*_READS, "sql:watchkeeper.terminate_query_class:EXECUTE"),
    refuses=lambda live, _params: _untouchable(live),
    name_pattern=_ROLE,
)

ACTIONS = (LIMIT_ROLE_CONNECTIONS, TERMINATE_QUERY_CLASS)
