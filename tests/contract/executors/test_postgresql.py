"""The PostgreSQL executor on a real server with live backends: the cap, the kill, their limits and their errors."""

import contextlib
import dataclasses
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from bot.adapters.database_look import Databases, failure
from bot.adapters.evidence import postgresql as inventory
from bot.adapters.evidence.postgresql import Postgresql
from bot.adapters.executors import postgresql
from bot.adapters.executors.postgresql import PostgresqlExecutor
from bot.domain.actions.database import LIMIT_ROLE_CONNECTIONS, TERMINATE_QUERY_CLASS
from bot.domain.actions.table import LIVE_FIELDS
from bot.domain.catalogue import Action, Params, planned_step
from bot.domain.errors import Permanent, Refused, Retryable, Undecided, WatchkeeperError
from bot.domain.live_database import name_of_class, query_id_of
from bot.domain.permissions_postgresql import postgresql_files
from bot.domain.plan import PlannedStep, Target
from bot.domain.secret import SecretStr
from bot.settings import Settings
from tests.contract.executors.postgres import CLIENT, DATABASE, EXECUTOR, READER, Database, database

TOKEN = "p:step:do"


@pytest.fixture(scope="module")
def started() -> Iterator[Database]:
    with database() as running:
        yield running


@pytest.fixture
def server(started: Database) -> Iterator[Database]:
    yield started
    started.calm()
    started.do(f"ALTER ROLE {CLIENT} CONNECTION LIMIT -1")


def executor(server: Database, role: str = EXECUTOR) -> PostgresqlExecutor:
    return PostgresqlExecutor(server.look(role))


def target_of(server: Database, role: str = CLIENT) -> Target:
    live = executor(server).read(Target("postgresql.role", role, DATABASE, "", "cart"))
    return Target("postgresql.role", role, DATABASE, live["uid"], "cart")


def bound(server: Database, action: Action, params: Params, role: str = CLIENT) -> PlannedStep:
    target = target_of(server, role)
    return planned_step(action, "step", target, executor(server).read(target), params)


def back(step: PlannedStep) -> PlannedStep:
    assert step.undo_params is not None
    assert step.undo_command is not None
    return dataclasses.replace(step, params=step.undo_params, command=step.undo_command)


def heaviest(server: Database, older_s: int = 1) -> PlannedStep:
    live = executor(server).read(target_of(server))
    return bound(server, TERMINATE_QUERY_CLASS, {"query_class": live["query_class"], "older_s": older_s})


def test_the_inventory_and_the_executor_read_the_same(server: Database) -> None:
    server.flood(CLIENT, 3)
    reader = Postgresql(server.look(READER), {DATABASE: {CLIENT: "cart", "boss": "admin"}})
    [(target, live)] = reader.find("postgresql.role", "cart")
    seen = executor(server).read(target)
    assert set(live) - {"uid"} == LIVE_FIELDS["postgresql.role"]
    changing = {"query_class_oldest_s", "classes"}
    assert {k: v for k, v in live.items() if k not in changing} == {
        k: v for k, v in seen.items() if k not in changing
    }
    assert (live["connections"], live["query_class_backends"], live["database_role"]) == ("3", "3", "primary")
    assert target == dataclasses.replace(target_of(server), service="cart")
    assert reader.find("postgresql.role", "nobody") == reader.find("ecs.service", "cart") == []
    assert reader.declared("postgresql.role", "cart") == []


def test_the_cap_holds_for_a_real_client_and_its_undo_lifts_it(server: Database) -> None:
    step = bound(server, LIMIT_ROLE_CONNECTIONS, {"limit": 2})
    wall = executor(server)
    wall.dry_run(step)
    assert not wall.settled(step, token=TOKEN)
    assert wall.call(step, token=TOKEN) == f"connection limit of {CLIENT} is now 2"
    assert wall.settled(step, token=TOKEN)
    server.flood(CLIENT, 2)
    with pytest.raises(psycopg.OperationalError, match="too many connections for role"):
        psycopg.connect(server.uri(CLIENT))
    undo = back(step)
    assert undo.params == {"limit": -1}
    wall.call(undo, token=TOKEN)
    assert wall.settled(undo, token=TOKEN)
    psycopg.connect(server.uri(CLIENT)).close()


def test_the_undo_restores_the_very_limit_that_was_there(server: Database) -> None:
    server.do(f"ALTER ROLE {CLIENT} CONNECTION LIMIT 77")
    step = bound(server, LIMIT_ROLE_CONNECTIONS, {"limit": 5})
    executor(server).call(step, token=TOKEN)
    executor(server).call(back(step), token=TOKEN)
    assert executor(server).read(step.target)["connection_limit"] == "77"


def test_only_the_old_backends_of_the_one_class_of_the_one_role_end(server: Database) -> None:
    server.flood(CLIENT, 4)
    server.flood(CLIENT, 1, "SELECT pg_sleep(60), 'another class' AS why")
    server.flood("basket_app", 2)
    server.flood("boss", 1)
    # The one that comes after this stays younger than what the step ends, also on a busy machine.
    time.sleep(5.1)
    step = heaviest(server, older_s=5)
    server.flood(CLIENT, 1)
    assert step.undo_params is None
    wall = executor(server)
    assert not wall.settled(step, token=TOKEN)
    assert wall.call(step, token=TOKEN) == f"4 queries of {CLIENT} ended"
    assert wall.settled(step, token=TOKEN)
    assert (server.active(CLIENT), server.active("basket_app"), server.active("boss")) == (2, 2, 1)
    assert wall.call(step, token=TOKEN) == f"0 queries of {CLIENT} ended"


@pytest.mark.parametrize("role", ["boss", "streamer", EXECUTOR])
def test_superusers_replication_and_our_own_role_are_refused(server: Database, role: str) -> None:
    target = target_of(server, role)
    live = executor(server).read(target)
    asked: list[tuple[Action, Params]] = [
        (LIMIT_ROLE_CONNECTIONS, {"limit": 3}),
        (TERMINATE_QUERY_CLASS, {"query_class": "0" * 16, "older_s": 1}),
    ]
    for action, params in asked:
        assert action.refuses(live, params)
        step = planned_step(action, "step", target, live, params)
        with pytest.raises(Refused):
            executor(server).call(step, token=TOKEN)
    [[limit]] = server.ask(f"SELECT rolconnlimit FROM pg_roles WHERE rolname = '{role}'")
    assert limit == -1


def test_a_limit_of_nothing_or_on_a_replica_is_refused(server: Database) -> None:
    live = dict(executor(server).read(target_of(server)))
    refuses = LIMIT_ROLE_CONNECTIONS.refuses
    assert refuses(live, {"limit": 4}) == ""
    assert "cut the client off" in refuses(live, {"limit": 0})
    assert "replica" in refuses({**live, "database_role": "replica"}, {"limit": 4})


def test_the_reader_may_change_nothing(server: Database) -> None:
    """The reader's own role is refused by PostgreSQL itself, whatever code it ran."""
    server.flood(CLIENT, 1)
    time.sleep(1.1)
    weak = executor(server, READER)
    step = bound(server, LIMIT_ROLE_CONNECTIONS, {"limit": 2})
    with pytest.raises(Refused) as refused:
        weak.call(step, token=TOKEN)
    assert refused.value.rule == "forbidden"
    with pytest.raises(Refused):
        weak.call(heaviest(server), token=TOKEN)
    assert server.active(CLIENT) == 1


HOSTILE = ["cart_app; DROP ROLE boss", 'cart_app"', "--help", "Cart", "", "cart app", "pg'", "a" * 64]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_crooked_name_never_reaches_sql(server: Database, name: str) -> None:
    step = bound(server, LIMIT_ROLE_CONNECTIONS, {"limit": 2})
    crooked = dataclasses.replace(step, target=dataclasses.replace(step.target, name=name))
    with pytest.raises((Refused, Permanent)):
        executor(server).call(crooked, token=TOKEN)


def test_what_is_not_the_catalogues_is_refused(server: Database) -> None:
    step = bound(server, LIMIT_ROLE_CONNECTIONS, {"limit": 2})
    for crooked in (
        dataclasses.replace(step, command=(*step.command, "SUPERUSER")),
        dataclasses.replace(step, params={"limit": 10_001}),
        dataclasses.replace(step, action="postgresql/run"),
        dataclasses.replace(step, target=dataclasses.replace(step.target, scope="other-db")),
        dataclasses.replace(step, target=dataclasses.replace(step.target, uid="1/2")),
    ):
        with pytest.raises((Refused, Permanent)):
            executor(server).call(crooked, token=TOKEN)
    assert executor(server).read(step.target)["connection_limit"] == "-1"


def test_a_dropped_role_is_permanent_and_a_remade_one_is_another(server: Database) -> None:
    server.do("CREATE ROLE shop_app LOGIN")
    before = target_of(server, "shop_app")
    server.do("DROP ROLE shop_app")
    with pytest.raises(Permanent, match="no role shop_app"):
        executor(server).read(before)
    server.do("CREATE ROLE shop_app LOGIN")
    assert target_of(server, "shop_app").uid != before.uid
    server.do("DROP ROLE shop_app")


def test_lost_replies_refused_keys_and_full_servers_in_our_words(server: Database) -> None:
    step = bound(server, LIMIT_ROLE_CONNECTIONS, {"limit": 2})
    for uri, verdict in (
        (server.uri("nobody"), Refused),
        (f"postgresql://x@127.0.0.1:{_closed_port()}/x", Retryable),
    ):
        with pytest.raises(verdict):
            PostgresqlExecutor(Databases({DATABASE: SecretStr(uri)})).read(step.target)
    wall = server.look(EXECUTOR)
    with pytest.raises(Undecided), wall.connected(DATABASE, writes=True) as connection:
        _cut_off(server, connection)
    with pytest.raises(Undecided), wall.connected(DATABASE, writes=True) as connection:
        connection.execute("SELECT pg_sleep(20)")
    with pytest.raises(Retryable), wall.connected(DATABASE, writes=False) as connection:
        connection.execute("SELECT pg_sleep(20)")
    server.do("ALTER ROLE watchkeeper_executor CONNECTION LIMIT 0")
    try:
        with pytest.raises(Retryable):
            executor(server).read(step.target)
    finally:
        server.do("ALTER ROLE watchkeeper_executor CONNECTION LIMIT -1")


def test_a_server_that_never_answers_is_left() -> None:
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as silent:
        port = silent.getsockname()[1]
        hung = PostgresqlExecutor(Databases({DATABASE: SecretStr(f"postgresql://x@127.0.0.1:{port}/x")}))
        with pytest.raises(Retryable):
            hung.read(Target("postgresql.role", CLIENT, DATABASE, "", "cart"))


def test_an_error_says_no_password(tmp_path: Path) -> None:
    uri = f"postgresql://x:hunter2@127.0.0.1:{_closed_port()}/x"
    with pytest.raises(WatchkeeperError) as told:
        Databases({DATABASE: SecretStr(uri)}).role(DATABASE, CLIENT)
    assert "hunter2" not in str(told.value)
    assert type(failure(DATABASE, psycopg.OperationalError("server closed"), writes=True)) is Undecided


def _cut_off(server: Database, connection: "psycopg.Connection[dict[str, object]]") -> None:
    """The server ends the session before the statement is answered."""
    server.do(f"SELECT pg_terminate_backend({connection.info.backend_pid})")
    connection.execute("SELECT watchkeeper.limit_role_connections('basket_app', 9)")


def _closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize("query_id", [0, 1, -1, 2**63 - 1, -(2**63), -2470120369015398668])
def test_a_class_has_one_name(query_id: int) -> None:
    assert query_id_of(name_of_class(query_id)) == query_id


def test_the_database_tells_of_its_open_transactions(server: Database) -> None:
    """What a failover of the same database asks first; nothing is known of one that is not declared."""
    look = server.look(READER)
    before = int(look.state(DATABASE)["open_transactions"])
    with psycopg.connect(server.uri(CLIENT)) as holder:
        holder.execute("SELECT 1")
        assert int(look.state(DATABASE)["open_transactions"]) == before + 1
    assert look.state(DATABASE) == {"open_transactions": str(before), "sql_lag_s": "0"}
    assert look.state("another") == {}


def test_what_is_missing_is_named(settings: Callable[..., Settings]) -> None:
    with pytest.raises(Permanent, match="WATCHKEEPER_POSTGRES_EXECUTOR_DSNS"):
        postgresql.build(settings())
    with pytest.raises(Permanent, match="WATCHKEEPER_POSTGRES_READER_DSNS, WATCHKEEPER_POSTGRES_ROLES"):
        inventory.build(settings())


BEYOND_ITS_TWO_FUNCTIONS = [
    "ALTER ROLE cart_app CONNECTION LIMIT 3",
    "ALTER ROLE cart_app PASSWORD 'known'",
    "CREATE ROLE puppet",
    "GRANT cart_app TO watchkeeper_executor",
    "GRANT watchkeeper_owner TO watchkeeper_executor",
    "SET ROLE cart_app",
    "SET ROLE watchkeeper_owner",
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'cart_app'",
    "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE usename = 'cart_app'",
    "SELECT * FROM pg_authid",
    "SELECT * FROM carts",
    "CREATE TABLE public.mine (x int)",
    "CREATE FUNCTION watchkeeper.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "ALTER FUNCTION watchkeeper.limit_role_connections OWNER TO watchkeeper_executor",
    "SELECT watchkeeper.refuse_strangers('cart_app')",
    "SELECT pg_reload_conf()",
    "COPY (SELECT 1) TO PROGRAM 'true'",
]
REFUSED_BY_THE_FUNCTIONS = [
    ("limit_role_connections", ("boss", 3)),
    ("limit_role_connections", ("streamer", 3)),
    ("limit_role_connections", ("watchkeeper_executor", 3)),
    ("limit_role_connections", ("watchkeeper_owner", 3)),
    ("limit_role_connections", ("stranger", 3)),
    ("limit_role_connections", ("postgres", 3)),
    ("limit_role_connections", ("no_such_role", 3)),
    ("limit_role_connections", ('cart_app"; DROP ROLE stranger; --', 3)),
    ("limit_role_connections", (CLIENT, 0)),
    ("limit_role_connections", (CLIENT, -2)),
    ("limit_role_connections", (CLIENT, 10_001)),
    ("terminate_query_class", ("boss", 1, 5)),
    ("terminate_query_class", ("stranger", 1, 5)),
    ("terminate_query_class", (CLIENT, 1, 0)),
    ("terminate_query_class", (CLIENT, 1, -5)),
    ("terminate_query_class", (CLIENT, 1, 3601)),
]


def test_the_executors_role_can_do_nothing_but_call_its_two_functions(server: Database) -> None:
    """What somebody would get who had its password, whatever they wrote."""
    server.do("DROP TABLE IF EXISTS carts; CREATE TABLE carts (x int); GRANT ALL ON carts TO cart_app")
    server.do("DROP ROLE IF EXISTS stranger; CREATE ROLE stranger LOGIN")
    server.flood(CLIENT, 1)
    limits = "SELECT rolname, rolconnlimit, rolcreaterole FROM pg_roles ORDER BY 1"
    before = server.ask(limits)
    with psycopg.connect(server.uri(EXECUTOR), autocommit=True) as mine:
        for statement in BEYOND_ITS_TWO_FUNCTIONS:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                mine.execute(statement)
        for name, values in REFUSED_BY_THE_FUNCTIONS:
            places = ", ".join(["%s"] * len(values))
            with pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.InvalidParameterValue)):
                mine.execute(f"SELECT watchkeeper.{name}({places})", values)
        held = mine.execute(
            "SELECT rolname FROM pg_roles WHERE pg_has_role(current_user, oid, 'USAGE')"
        ).fetchall()
    assert server.ask(limits) == before
    assert server.active(CLIENT) == 1
    assert {name for (name,) in held} == {EXECUTOR, "pg_read_all_stats"}


def test_what_shadows_a_built_in_is_not_called_with_the_owners_rights(server: Database) -> None:
    """The functions look only where nobody else may put anything."""
    server.do("CREATE SCHEMA IF NOT EXISTS trap; GRANT ALL ON SCHEMA trap TO PUBLIC")
    server.do(
        "CREATE OR REPLACE FUNCTION trap.format(text, name, integer) RETURNS text LANGUAGE sql"
        " AS $$ SELECT 'ALTER ROLE watchkeeper_executor CREATEROLE' $$"
    )
    limited = "SELECT rolname FROM pg_roles WHERE rolconnlimit = 7 OR rolcreaterole"
    before = set(server.ask(limited))
    with psycopg.connect(server.uri(EXECUTOR), autocommit=True) as mine:
        mine.execute("SET search_path = trap, pg_temp, pg_catalog")
        mine.execute("SELECT watchkeeper.limit_role_connections(%s, %s)", (CLIENT, 7))
    assert set(server.ask(limited)) - before == {(CLIENT,)}


def test_an_administrator_who_is_no_superuser_can_run_the_shipped_sql_and_again(server: Database) -> None:
    """As on managed databases; whoever ran it keeps no right of the owner's."""
    ours = ("watchkeeper_owner", "watchkeeper_executor")
    server.do("CREATE ROLE admin LOGIN CREATEROLE; GRANT pg_read_all_stats TO admin WITH ADMIN OPTION")
    server.do("CREATE DATABASE managed OWNER admin")
    for name in ours:
        server.do(f"ALTER ROLE {name} RENAME TO before_{name}")
    try:
        with psycopg.connect(server.uri("admin"), dbname="managed", autocommit=True) as connection:
            connection.execute("CREATE ROLE late_app LOGIN")
            for _ in range(2):
                connection.execute(postgresql_files(("late_app",))["executor.sql"])
            kept = "SELECT pg_has_role('admin', 'watchkeeper_owner', 'USAGE')"
            assert connection.execute(kept).fetchone() == (False,)
        with psycopg.connect(server.uri(EXECUTOR), dbname="managed", autocommit=True) as mine:
            mine.execute("SELECT watchkeeper.limit_role_connections('late_app', 4)")
        assert server.ask("SELECT rolconnlimit FROM pg_roles WHERE rolname = 'late_app'") == [(4,)]
    finally:
        server.do("DROP DATABASE managed")
        server.do("DROP ROLE IF EXISTS late_app, watchkeeper_executor, watchkeeper_owner")
        for name in ours:
            server.do(f"ALTER ROLE before_{name} RENAME TO {name}")


def test_a_crooked_client_gets_no_sql() -> None:
    for name in HOSTILE:
        with pytest.raises(Permanent):
            postgresql_files((name,))
