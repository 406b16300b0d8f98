"""Executor for PostgreSQL: two closed functions in a declared database, which is all that its role may call.

What reaches them is a role of the catalogue's own form and numbers, as parameters and never as text of a statement.
"""

from collections.abc import Mapping, Sequence

from bot.adapters.database_look import Databases
from bot.adapters.executors._surfaces import SurfaceExecutor
from bot.domain.actions.database import LIMIT_ROLE_CONNECTIONS, TERMINATE_QUERY_CLASS
from bot.domain.catalogue import Action
from bot.domain.errors import Refused
from bot.domain.live_database import live_role, query_id_of
from bot.domain.plan import PlannedStep, Target
from bot.ports import Executor
from bot.settings import Settings

# Functions of deploy/postgresql/executor.sql, which check client and bounds again, whatever was checked before.
_LIMIT = "SELECT watchkeeper.limit_role_connections(%s, %s)"
_TERMINATE = "SELECT watchkeeper.terminate_query_class(%s, %s, %s) AS ended"


class PostgresqlRoles:
    """`Surface` over the roles of the declared databases."""

    kind = "postgresql.role"
    actions: Sequence[Action] = (LIMIT_ROLE_CONNECTIONS, TERMINATE_QUERY_CLASS)

    def __init__(self, databases: Databases) -> None:
        self._databases = databases

    def read(self, target: Target) -> Mapping[str, str]:
        return live_role(self._databases.role(target.scope, target.name))

    def dry_run(self, step: PlannedStep) -> None:
        """PostgreSQL has no dry run; this is the target's identity and the action's own precondition, read anew."""
        live = self.read(step.target)
        if live["uid"] != step.target.uid:
            message = f"role {step.target.name} is not the one that the plan was made for"
            raise Refused(message, rule="target_changed")
        action = next(one for one in self.actions if one.id == step.action)
        why = action.refuses(live, step.params)
        if why:
            message = f"{step.target.name}: {why}"
            raise Refused(message, rule="action_refuses")

    def call(self, step: PlannedStep, *, token: str) -> str:
        self.dry_run(step)
        if step.action == LIMIT_ROLE_CONNECTIONS.id:
            return self._limit(step)
        return self._terminate(step)

    def _limit(self, step: PlannedStep) -> str:
        limit = int(step.params["limit"])
        with self._databases.connected(step.target.scope, writes=True) as connection:
            connection.execute(_LIMIT, (step.target.name, limit))
        return f"connection limit of {step.target.name} is now {limit}"

    def _terminate(self, step: PlannedStep) -> str:
        query_id, older_s = query_id_of(str(step.params["query_class"])), int(step.params["older_s"])
        with self._databases.connected(step.target.scope, writes=True) as connection:
            found = connection.execute(_TERMINATE, (step.target.name, query_id, older_s)).fetchone()
        ended = found["ended"] if found else 0
        return f"{ended} queries of {step.target.name} ended"


class PostgresqlExecutor(SurfaceExecutor):
    """`bot.ports.Executor` over the declared databases."""

    def __init__(self, databases: Databases) -> None:
        super().__init__("postgresql", (PostgresqlRoles(databases),))


def build(settings: Settings) -> Executor:
    """The executor that the settings describe; raises Permanent naming what is missing."""
    settings.require("executor", ["postgres_executor_dsns"])
    return PostgresqlExecutor(Databases(settings.postgres_executor_dsns))
