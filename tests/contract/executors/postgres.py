"""A real PostgreSQL with clients, live backends, and the reader and the executor as the shipped SQL makes them."""

import contextlib
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import psycopg

from bot.adapters.database_look import Databases
from bot.domain.permissions_postgresql import postgresql_files
from bot.domain.secret import SecretStr
from tests.postgres import PostgresServer, postgres

DATABASE = "orders-db"
CLIENT = "cart_app"
_ROLES = """
CREATE ROLE cart_app LOGIN; CREATE ROLE basket_app LOGIN;
CREATE ROLE streamer LOGIN REPLICATION; CREATE ROLE boss LOGIN SUPERUSER
"""
READER, EXECUTOR = "watchkeeper_reader", "watchkeeper_executor"


@dataclass
class Database:
    """One server; `uri` gives the address of a role."""

    server: PostgresServer
    sessions: list[psycopg.Connection] = field(default_factory=list)
    threads: list[threading.Thread] = field(default_factory=list)

    def uri(self, role: str) -> str:
        return self.server.get_uri().replace("postgres:@", f"{role}:@")

    def dsns(self, role: str) -> dict[str, SecretStr]:
        return {DATABASE: SecretStr(self.uri(role))}

    def look(self, role: str) -> Databases:
        """The product's own way in, with patience for a busy host."""
        return Databases(self.dsns(role), connect_s=30)

    def ask(self, statement: str) -> list[tuple[object, ...]]:
        with psycopg.connect(self.uri("postgres"), autocommit=True) as connection:
            return connection.execute(statement).fetchall()

    def do(self, statement: str) -> None:
        with psycopg.connect(self.uri("postgres"), autocommit=True) as connection:
            connection.execute(statement)

    def flood(self, role: str, sessions: int, statement: str = "SELECT pg_sleep(60)") -> None:
        """Start that many backends of a role which run the statement until somebody ends them."""
        before = self.active(role)
        for _ in range(sessions):
            connection = psycopg.connect(self.uri(role), autocommit=True)
            self.sessions.append(connection)
            thread = threading.Thread(target=_run, args=(connection, statement), daemon=True)
            thread.start()
            self.threads.append(thread)
        self.wait_active(role, before + sessions)

    def active(self, role: str) -> int:
        [[count]] = self.ask(
            f"SELECT count(*) FROM pg_stat_activity WHERE usename = '{role}' AND state = 'active'"
        )
        return int(str(count))

    def wait_active(self, role: str, sessions: int) -> None:
        until = time.monotonic() + 60
        while self.active(role) < sessions and time.monotonic() < until:
            time.sleep(0.05)

    def calm(self) -> None:
        """End every client's backend and close the sessions."""
        self.do(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
        )
        # A socket that is closed under a waiting thread has its number given to the next one.
        for thread in self.threads:
            thread.join(10)
        for connection in self.sessions:
            connection.close()
        self.sessions.clear()
        self.threads.clear()


def _run(connection: psycopg.Connection, statement: str) -> None:
    with contextlib.suppress(psycopg.Error):
        connection.execute(statement)


@contextlib.contextmanager
def database() -> Iterator[Database]:
    """A running server with the roles; gone with its files afterwards."""
    with postgres() as server:
        here = Database(server)
        here.do(_ROLES)
        for text in postgresql_files((CLIENT, "basket_app")).values():
            here.do(text)
        here.do("ALTER SYSTEM SET compute_query_id = on")
        here.do("SELECT pg_reload_conf()")
        try:
            yield here
        finally:
            here.calm()
