"""Executor for PostgreSQL: two closed statements over the fixed DSN of a declared database.

The names that reach SQL are a role of the catalogue's own form, quoted by the driver, and numbers; nothing else does.
"""

from collections.abc import Mapping, Sequence

from psycopg import sql

from bot.adapters.database_look import Databases
from bot.adapters.executors._surfaces import SurfaceExecutor
from bot.domain.actions.database import LIMIT_ROLE_CONNECTIONS, TERMINATE_QUERY_CLASS
from bot.domain.catalogue import Action
from bot.domain.errors import Refused
from bot.domain.live_database import live_role, query_id_of
from bot.domain.plan import PlannedStep, Target
from bot.ports import Executor
from bot.settings import Settings

_LIMIT = "ALTER ROLE {role} CONNECTION LIMIT {limit}"
# Superusers, replication roles and our own session are left out by the statement itself, whatever was checked before.
_TERMINATE = """
SELECT count(*) FILTER (WHERE pg_terminate_backend(a.pid))::int AS ended
FROM pg_stat_activity a JOIN pg_roles r ON r.oid = a.usesysid
WHERE a.usename = %s AND a.query_id = %s AND a.state = 'active' AND a.backend_type = 'client backend'
  AND a.query_start <= clock_timestamp() - make_interval(secs => %s)
  AND NOT r.rolsuper AND NOT r.rolreplication AND r.rolname <> current_user AND a.pid <> pg_backend_pid()
"""


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
        statement = sql.SQL(_LIMIT).format(role=sql.Identifier(step.target.name), limit=sql.Literal(limit))
        with self._databases.connected(step.target.scope, writes=True) as connection:
            connection.execute(statement)
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
