"""Inventory of PostgreSQL roles: the database role under which each client service is declared to log in."""

from collections.abc import Callable, Mapping

from bot.adapters.database_look import Databases
from bot.domain.live_database import live_role
from bot.domain.plan import Target
from bot.domain.secret import SecretStr
from bot.settings import Settings

_KIND = "postgresql.role"
Found = list[tuple[Target, Mapping[str, str]]]


class Postgresql:
    """`bot.ports.Inventory` over the declared databases; `roles` is {database: {role: service}}."""

    kinds: tuple[str, ...] = (_KIND,)

    def __init__(self, databases: Databases, roles: Mapping[str, Mapping[str, str]]) -> None:
        self._databases = databases
        self._roles = roles

    def find(self, kind: str, service: str) -> Found:
        """The roles of that client service; raises Retryable, Refused or Permanent when a database cannot be read."""
        if kind != _KIND:
            return []
        return [
            self._found(database, role, service)
            for database, roles in sorted(self._roles.items())
            for role, client in sorted(roles.items())
            if client == service
        ]

    def declared(self, kind: str, role: str) -> Found:
        """None: a database role has no label to declare it by."""
        return []

    def _found(self, database: str, role: str, service: str) -> tuple[Target, Mapping[str, str]]:
        live = live_role(self._databases.role(database, role))
        return Target(_KIND, role, database, live["uid"], service), live


def state_of(dsns: Mapping[str, SecretStr]) -> Callable[[str], Mapping[str, str]]:
    """How to ask a declared database for its open transactions and its lag."""
    return Databases(dsns).state


def build(settings: Settings) -> Postgresql:
    """The reader that the settings describe; raises Permanent naming what is missing."""
    settings.require("reading PostgreSQL", ["postgres_reader_dsns", "postgres_roles"])
    return Postgresql(Databases(settings.postgres_reader_dsns), settings.postgres_roles)
