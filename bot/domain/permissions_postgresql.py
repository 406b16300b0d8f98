"""SQL that makes the two PostgreSQL roles: what the tables list and nothing else.

The executor's role holds no power of its own: it may call two functions, which run with the rights of a role that
nobody can log in as, refuse everybody but the clients granted to that role, and check the catalogue's own bounds.
"""

import re
from collections.abc import Mapping, Sequence

from bot.domain.actions.database import LIMIT_ROLE_CONNECTIONS, TERMINATE_QUERY_CLASS
from bot.domain.errors import Permanent
from bot.domain.permissions import EXECUTOR, HELD, READER, SqlPermission, permission_of

CLIENT = "client_role"
_LIMIT = LIMIT_ROLE_CONNECTIONS.params["limit"]
_AGE = TERMINATE_QUERY_CLASS.params["older_s"]
_ROLE = """DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}') THEN CREATE ROLE {role}; END IF;
END $$;
ALTER ROLE {role} {rights};
"""
_STATISTICS = """-- Statistics of everybody's sessions, without which a query has no class.
GRANT pg_read_all_stats TO {role};
"""
_BEFORE = """
-- Nobody logs in as the owner of the functions, and they give none of its rights away.
{owner}
-- The clients that may be capped, and whose queries may be ended; all others are refused.
{clients}
GRANT watchkeeper_owner TO CURRENT_USER;
CREATE SCHEMA IF NOT EXISTS watchkeeper AUTHORIZATION watchkeeper_owner;
SET LOCAL ROLE watchkeeper_owner;

CREATE OR REPLACE FUNCTION watchkeeper.refuse_strangers(client name) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF NOT EXISTS (
    SELECT FROM pg_roles r JOIN pg_auth_members m ON m.roleid = r.oid JOIN pg_roles o ON o.oid = m.member
    WHERE r.rolname = client AND o.rolname = current_user AND m.admin_option
      AND NOT r.rolsuper AND NOT r.rolreplication AND r.rolname <> session_user
  ) THEN
    RAISE EXCEPTION '% is no client that Watchkeeper may touch', client USING ERRCODE = 'insufficient_privilege';
  END IF;
END $$;
"""
_AFTER = """
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA watchkeeper FROM PUBLIC;
GRANT USAGE ON SCHEMA watchkeeper TO watchkeeper_executor;
{grants}
RESET ROLE;
REVOKE watchkeeper_owner FROM CURRENT_USER;
COMMIT;
"""
# What each right of the tables is made of; the names of roles are readable by all.
FUNCTIONS: Mapping[str, str] = {
    "watchkeeper.limit_role_connections": """
CREATE OR REPLACE FUNCTION watchkeeper.limit_role_connections(client name, most integer) RETURNS void
LANGUAGE plpgsql STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM watchkeeper.refuse_strangers(client);
  IF most NOT BETWEEN {least_limit} AND {most_limit} OR most = 0 THEN
    RAISE EXCEPTION '% is no limit that may be set', most USING ERRCODE = 'invalid_parameter_value';
  END IF;
  EXECUTE format('ALTER ROLE %I CONNECTION LIMIT %s', client, most);
END $$;
""",
    "watchkeeper.terminate_query_class": """
CREATE OR REPLACE FUNCTION watchkeeper.terminate_query_class(client name, class bigint, older_s integer) RETURNS integer
LANGUAGE plpgsql STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM watchkeeper.refuse_strangers(client);
  IF older_s NOT BETWEEN {least_age} AND {most_age} THEN
    RAISE EXCEPTION '% is no age that may be asked for', older_s USING ERRCODE = 'invalid_parameter_value';
  END IF;
  RETURN (
    SELECT count(*) FILTER (WHERE pg_terminate_backend(a.pid)) FROM pg_stat_activity a
    WHERE a.usename = client AND a.query_id = class AND a.state = 'active' AND a.backend_type = 'client backend'
      AND a.query_start <= clock_timestamp() - make_interval(secs => older_s) AND a.pid <> pg_backend_pid()
  );
END $$;
""",
}


def postgresql_files(clients: Sequence[str] = (CLIENT,)) -> Mapping[str, str]:
    """File name -> SQL; raises Permanent for a client that is no plain name of a role."""
    for name in clients:
        if not re.fullmatch(LIMIT_ROLE_CONNECTIONS.name_pattern, name):
            message = f"{name!r} is no name of a PostgreSQL role that Watchkeeper can act on"
            raise Permanent(message)
    return {"reader.sql": _reader(), "executor.sql": _executor(clients)}


def functions_of(role: str) -> list[str]:
    """The functions that a role may call, by what the tables list for it."""
    return sorted(one.object for one in _rights(role) if one.right == "EXECUTE")


def _rights(role: str) -> list[SqlPermission]:
    return [one for text in HELD[role] if isinstance(one := permission_of(text), SqlPermission)]


def _login(role: str) -> str:
    name = f"watchkeeper_{role}"
    made = _ROLE.format(role=name, rights="LOGIN NOCREATEROLE")
    reads = SqlPermission("pg_stat_activity", "SELECT") in _rights(role)
    return made + (_STATISTICS.format(role=name) if reads else "")


def _reader() -> str:
    return "-- Once for the server, by an administrator; then give the role a password.\n" + _login(READER)


def _executor(clients: Sequence[str]) -> str:
    bounds = {"least_limit": _LIMIT.minimum, "most_limit": _LIMIT.maximum}
    bounds |= {"least_age": _AGE.minimum, "most_age": _AGE.maximum}
    names = functions_of(EXECUTOR)
    head = "-- In each database of the executor's settings, by an administrator; then give the role a password.\nBEGIN;\n"
    before = _BEFORE.format(
        owner=_ROLE.format(role="watchkeeper_owner", rights="NOLOGIN CREATEROLE INHERIT"),
        clients="\n".join(f"GRANT {name} TO watchkeeper_owner WITH ADMIN OPTION;" for name in clients),
    )
    functions = "".join(FUNCTIONS[name].format_map(bounds) for name in names)
    grants = "\n".join(f"GRANT EXECUTE ON FUNCTION {name} TO watchkeeper_executor;" for name in names)
    return head + _login(EXECUTOR) + before + functions + _AFTER.format(grants=grants)
