"""What clients quote of a database's refusals: credentials, connections, read-only; and ports that nobody serves."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from bot.domain.diagnosis.cluster.cause import Cause
from bot.domain.diagnosis.cluster.finding import HINTED, SAID, SEEN, SHOWN, Finding
from bot.domain.diagnosis.cluster.names import addresses
from bot.domain.diagnosis.cluster.state import ClusterState, LogSample, Workload

_STORES = r"mysql|maria|postgres|pgsql|mongo|redis|jdbc|sql|hikari|scram|database|\bdb\b"
_NOT_LET_IN = r"authentication failed|invalid password|login failed for user"
# Users fail to log in to applications too: general words count only beside those of a database or its driver.
CREDENTIALS = re.compile(
    r"access denied for user|password authentication failed|wrongpass|noauth|invalid username-password pair|"
    r"role \"?\w+\"? does not exist|no pg_hba\.conf entry|"
    rf"(?:{_STORES}).*(?:{_NOT_LET_IN})|(?:{_NOT_LET_IN}).*(?:{_STORES})",
    re.IGNORECASE,
)
EXHAUSTED = re.compile(
    r"too many (client |open )?connections|too many clients|remaining connection slots|max(imum)? number of clients|"
    r"max_user_connections|max_connections|connection limit exceeded|user \S+ has exceeded the",
    re.IGNORECASE,
)
# What a client's pool says when it has none to give: its database is full, or it is not to be reached at all.
POOLED = re.compile(
    r"connection is not available, request timed out|pool (is )?exhausted|queuepool limit of size|"
    r"timeout waiting for (idle object|connection from pool)|timed? ?out (fetching|acquiring) a (new )?connection",
    re.IGNORECASE,
)
READ_ONLY = re.compile(
    r"read[- _]only (option|transaction|replica|mode|slave)|--read-only|--super-read-only|readonly you can't write|"
    r"in a read-only transaction|not master|not ?writable ?primary|innodb[-_]read[-_]only|"
    r"(database|connection|table \S+) is (in )?read[- ]?only",
    re.IGNORECASE,
)
LINK = re.compile(
    r"communications link failure|can't connect to (mysql|server|local)|could not connect to server|"
    r"connection to server at .* failed|server selection timed? ?out|no reachable servers",
    re.IGNORECASE,
)
_STORE = re.compile(r"mysql|maria|postgres|pgsql|mongo|redis|cassandra|database|(^|-)db(-|$)", re.IGNORECASE)
_PORT = re.compile(r"(^|_)(DB|MYSQL|DATABASE|POSTGRES|PG|MONGO|JDBC)\w*_?PORT$", re.IGNORECASE)
_SECRETS = re.compile(
    r"(DB|MYSQL|POSTGRES|PG|DATABASE|REDIS|MONGO|DATASOURCE)\w*(USER|USERNAME|PASSWORD|PASS|PWD)$",
    re.IGNORECASE,
)
_FEW = re.compile(r"(max[-_]?clients|max[-_]connections|max[-_]user[-_]connections)[ =]+(\d+)", re.IGNORECASE)
_NO_WRITE = re.compile(
    r"--(super[-_])?read[-_]only([= ]+(1|on|true|yes))?(\s|$)|default_transaction_read_only=on", re.IGNORECASE
)
PEERS = 3
FEW_CONNECTIONS = 10
STORE_PORTS = {3306, 5432, 27017, 1433, 1521, 6379}
_APART = re.compile(
    f"{LINK.pattern}|{CREDENTIALS.pattern}|refused|unknown ?host|no such host|name resolution", re.IGNORECASE
)


def said(state: ClusterState) -> Iterator[Finding]:
    """Refusals by a database, blamed on the database where it has the trouble, on the client where it asks wrongly."""
    for pattern, cause, by_store in (
        (CREDENTIALS, Cause.DATABASE_CREDENTIALS, False),
        (EXHAUSTED, Cause.CONNECTIONS_EXHAUSTED, True),
        (READ_ONLY, Cause.READ_ONLY, True),
    ):
        heard = [one for one in state.logs if pattern.search(one.text)]
        clients = {one.workload for one in heard}
        # A database's own log tells of its clients; where they speak, theirs says who.
        others = {name for name in clients if not serves_data(state, name)}
        for client in sorted(others if others and not by_store else clients):
            lines = [one for one in heard if one.workload == client]
            yield _refused(state, client, lines, cause, by_store=by_store)
    yield from _waiting(state)


def _waiting(state: ClusterState) -> Iterator[Finding]:
    """Pools that have no connection to give, where nothing says that the database cannot be had at all."""
    cut_off = {one.workload for one in state.logs if _APART.search(one.text)}
    for client in sorted({one.workload for one in state.logs if POOLED.search(one.text)} - cut_off):
        lines = [one for one in state.logs if one.workload == client and POOLED.search(one.text)]
        found = _refused(state, client, lines, Cause.CONNECTIONS_EXHAUSTED, by_store=True)
        yield replace(found, weight=min(found.weight, SEEN))


def ports(state: ClusterState) -> Iterator[Finding]:
    """Clients whose database port, given apart from the host, is none that their database offers."""
    for workload in state.workloads:
        stores = [one for one in state.services if serves_data(state, one.name)]
        offered = {port.number for one in stores for port in one.ports}
        for container in workload.spec.served:
            for key, value in sorted(container.env.items()):
                if not _PORT.search(key) or not value.isdigit() or not offered or int(value) in offered:
                    continue
                lines = [
                    one for one in state.logs
                    if one.workload == workload.name and (LINK.search(one.text) or value in one.text)
                ]  # fmt: skip
                because = f"{key} of {workload.name} is {value}, the databases offer {_numbers(offered)}"
                weight = SAID if lines else SEEN
                quote = lines[0].text if lines else ""
                yield Finding(
                    "database/port", 1, "workload", workload.name, Cause.DATABASE_PORT, weight, because, quote
                )


def odd(state: ClusterState) -> Iterator[Finding]:
    """A client whose database user or password differs from what all others are given."""
    given: dict[str, dict[str, str]] = {}
    for workload in state.workloads:
        for container in workload.spec.served:
            for key, value in container.env.items():
                if _SECRETS.search(key) and value:
                    given.setdefault(key, {})[workload.name] = value
    for key, values in sorted(given.items()):
        counts = Counter(values.values())
        usual, times = counts.most_common(1)[0]
        strange = sorted(name for name, value in values.items() if value != usual)
        if times < PEERS or len(strange) != 1:
            continue
        heard = [one for one in state.logs if one.workload == strange[0] and CREDENTIALS.search(one.text)]
        because = f"{key} of {strange[0]} differs from that of {times} others"
        yield Finding(
            "database/odd", 1, "workload", strange[0], Cause.DATABASE_CREDENTIALS, SAID if heard else HINTED,
            because, heard[0].text if heard else "",
        )  # fmt: skip


def strangled(state: ClusterState) -> Iterator[Finding]:
    """Databases that are told to take hardly any connection, or no write."""
    for workload in state.workloads:
        if not _stores(workload):
            continue
        for container in workload.spec.served:
            few = _FEW.search(container.arguments)
            if few is not None and int(few[2]) <= FEW_CONNECTIONS:
                because = f"{workload.name} is started with {few[0]}"
                yield Finding(
                    "database/limit",
                    1,
                    "workload",
                    workload.name,
                    Cause.CONNECTIONS_EXHAUSTED,
                    SHOWN,
                    because,
                )
            if _NO_WRITE.search(container.arguments):
                because = f"{workload.name} is started to refuse writes"
                yield Finding(
                    "database/no-write", 1, "workload", workload.name, Cause.READ_ONLY, SHOWN, because
                )


def unlinked(state: ClusterState) -> Iterator[Finding]:
    """A client that alone cannot reach a database that others reach."""
    for one in state.logs:
        if LINK.search(one.text):
            because = f"{one.workload} cannot reach its database"
            yield Finding(
                "database/link", 1, "workload", one.workload, Cause.DATABASE_PORT, HINTED, because, one.text
            )


def _refused(
    state: ClusterState, client: str, lines: list[LogSample], cause: Cause, *, by_store: bool
) -> Finding:
    store = _store_of(state, client)
    blamed = store if by_store and store else client
    because = f"{client} is refused by {store or 'its database'}: {cause.words}"
    own = serves_data(state, client) and not store
    weight = SAID if (by_store and store) or own else SHOWN
    if cause is Cause.DATABASE_CREDENTIALS and "access denied for user" not in lines[0].text.lower():
        weight = SEEN
    return Finding("database/refused", 1, "workload", blamed, cause, weight, because, lines[0].text)


def _store_of(state: ClusterState, client: str) -> str:
    """The database workload that a client is configured with, or that it calls; itself where it is one."""
    if serves_data(state, client):
        return client
    workload = state.workload(client)
    if workload is not None:
        asked = [host for _, _, host, _ in addresses(workload, state.namespace)]
        found = [host for host in asked if serves_data(state, host) and state.workload(host) is not None]
        if found:
            return found[0]
    called = [name for name in state.calls.get(client, ()) if serves_data(state, name)]
    if called:
        return called[0]
    below = sorted({name for callee in state.calls.get(client, ()) for name in state.calls.get(callee, ())})
    found = [name for name in below if serves_data(state, name)]
    stores = [one.name for one in state.workloads if serves_data(state, one.name)]
    return found[0] if found else (stores[0] if len(stores) == 1 else "")


def serves_data(state: ClusterState, name: str) -> bool:
    """Whether a workload, or else the Service of that name, is a database."""
    workload = state.workload(name)
    if workload is None:
        service = state.service(name)
        return service is not None and bool({one.number for one in service.ports} & STORE_PORTS)
    return _stores(workload)


def _stores(workload: Workload) -> bool:
    images = " ".join(one.image.rpartition("/")[2].partition(":")[0] for one in workload.spec.served)
    return bool(_STORE.search(images) or {one.number for one in workload.spec.ports()} & STORE_PORTS)


def _numbers(values: set[int]) -> str:
    return ", ".join(str(one) for one in sorted(values))
