"""The database that the services share, as it shows in PostgreSQL's own views: roles, their backends and query classes.

State and the few statements that may be asked of it; `postgres_wire` speaks the protocol. A flood ends here by what
is done here (its backends are ended) or because its client has fewer tasks, which the world reads from AWS.
"""

import re
import time
from dataclasses import dataclass, field
from typing import Any

from bot.local.world.noise import key_number

Row = dict[str, Any]
_SYSTEM = 7_301_442_905_118_203_777
_USUAL_BACKENDS = 6
_CHANGES = re.compile(r"SELECT watchkeeper\.(limit_role_connections|terminate_query_class)\(")
READER, EXECUTOR, WORLD = "watchkeeper_reader", "watchkeeper_executor", "world_observer"


class SqlError(Exception):
    """An error answer with its SQLSTATE."""

    def __init__(self, state: str, text: str) -> None:
        super().__init__(text)
        self.state = state


@dataclass(frozen=True)
class FloodPlan:
    """The abnormal queries of one client: how many backends run them at its full task count, and since when."""

    service: str
    backends: int
    since_at: float
    calm_tasks: int
    full_tasks: int


@dataclass
class Role:
    """One client's role now; `flood` are the backends that run the abnormal class."""

    name: str
    limit: int = -1
    flood: int = 0
    flood_since: float = 0.0
    ended: bool = False

    @property
    def oid(self) -> int:
        """The role's number."""
        return 16_384 + key_number(self.name) % 100_000

    def classes(self, now: float) -> list[Row]:
        """Its active classes of queries."""
        usual: Row = {"query_id": self._class("usual"), "backends": 2, "oldest_s": 0, "total_s": 0}
        if not self.flood:
            return [usual]
        age = max(1, int(now - self.flood_since))
        heavy: Row = {"query_id": self._class("flood"), "backends": self.flood, "oldest_s": age}
        return [heavy | {"total_s": age * self.flood}, usual]

    def end(self, query_id: int, older_s: int, now: float) -> int:
        """End the backends of a class that have run so long; the client's batch gives up with them."""
        if query_id != self._class("flood") or now - self.flood_since < older_s:
            return 0
        ended, self.flood, self.ended = self.flood, 0, True
        return ended

    def _class(self, kind: str) -> int:
        return key_number(self.name, kind) - 2**63


@dataclass(frozen=True)
class SqlRecord:
    """One changing statement, refused ones too."""

    user: str
    statement: str
    at: float
    status: int


@dataclass
class SharedDatabase:
    """All roles, and who may log in."""

    passwords: dict[str, str]
    roles: dict[str, Role] = field(default_factory=dict)
    records: list[SqlRecord] = field(default_factory=list)
    floods: dict[str, FloodPlan] = field(default_factory=dict)

    def set_scene(self, services: list[str], floods: tuple[FloodPlan, ...]) -> None:
        """Forget everything; a role for each client, and the floods at their full size."""
        self.records.clear()
        self.roles = {role_of(name): Role(role_of(name)) for name in services}
        self.floods = {plan.service: plan for plan in floods}
        for plan in floods:
            self.roles[role_of(plan.service)].flood = plan.backends
            self.roles[role_of(plan.service)].flood_since = plan.since_at

    def follow(self, service: str, tasks: int) -> None:
        """The client runs that many tasks now; a batch that was ended here stays ended."""
        plan, role = self.floods[service], self.roles[role_of(service)]
        if not role.ended:
            share = (tasks - plan.calm_tasks) / (plan.full_tasks - plan.calm_tasks)
            role.flood = round(plan.backends * min(1.0, max(0.0, share)))

    def run(self, user: str, statement: str, values: list[str]) -> list[Row]:
        """The rows of one statement; raises SqlError for one that is not served or not allowed."""
        now = time.time()
        changes = _CHANGES.match(statement)
        if changes:
            return self._change(user, statement, values, now, changes.group(1))
        if "GROUP BY query_id" in statement:
            role = self.roles.get(values[0])
            return role.classes(now) if role else []
        if "FROM pg_roles r WHERE" in statement:
            return [self._described(self.roles[values[0]], user)] if values[0] in self.roles else []
        if "AS open" in statement:
            return [{"open": sum(role.flood > 0 for role in self.roles.values())}]
        if "AS lag_s" in statement:
            return [{"lag_s": 0}]
        raise SqlError("42601", "the simulated database does not serve this statement")

    def _change(self, user: str, statement: str, values: list[str], now: float, function: str) -> list[Row]:
        allowed = user == EXECUTOR
        self.records.append(SqlRecord(user, " ".join(statement.split())[:120], now, 200 if allowed else 403))
        if not allowed:
            raise SqlError("42501", "permission denied")
        role = self.roles.get(values[0])
        if role is None:
            raise SqlError("42501", f"{values[0]} is no client that Watchkeeper may touch")
        if function == "limit_role_connections":
            role.limit = int(values[1])
            return []
        return [{"ended": role.end(int(values[1]), int(values[2]), now)}]

    def _described(self, role: Role, user: str) -> Row:
        return {
            "system": _SYSTEM,
            "oid": role.oid,
            "connection_limit": role.limit,
            "privileged": False,
            "own": role.name == user,
            "replica": False,
            "connections": role.flood + _USUAL_BACKENDS,
            "open_transactions": min(role.flood, 3),
        }


def role_of(service: str) -> str:
    """The role under which a service logs in."""
    return service.replace("-", "_")
