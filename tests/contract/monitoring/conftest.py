"""The product's web application with a source for each proof of each system, on one loopback port for the module."""

import asyncio
import contextlib
import http.client
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, text
from starlette.applications import Starlette

from bot.adapters.monitoring._sns import SnsNotary
from bot.adapters.store import schema
from bot.adapters.store.sql import SqlStore, open_store
from bot.domain.secret import SecretStr
from bot.http.app import build_http
from bot.http.group_commit import GroupCommit
from bot.http.health import HealthPorts
from bot.http.intake import IntakePorts
from bot.settings import Settings, Source
from tests.contract.monitoring.fixtures import AT, Case, kinds, parser
from tests.contract.monitoring.signing import TOPIC, Sns, proof
from tests.promises.served import HOST, hosted


class Noon:
    """The time of the fixtures."""

    def now(self) -> float:
        return AT


def secret_of(kind: str, scheme: str, which: str = "now") -> str:
    """The secret of a source, now or before its rotation."""
    return f"{which}-{kind}-{scheme}-".ljust(48, "x")


@dataclass
class Intake:
    """The running intake; `sns` signs for Amazon."""

    port: int
    store: SqlStore
    sns: Sns
    connection: http.client.HTTPConnection

    def send(
        self, kind: str, scheme: str, body: bytes, *, secret: str | None = None, **changed: Any
    ) -> tuple[int, dict[str, Any]]:
        """One call, proved by `scheme`; returns status and answer."""
        signed = self.sns.wrapped(body.decode(), **changed) if scheme == "sns" else body
        shown = secret if secret is not None else secret_of(kind, scheme)
        headers, query = proof(scheme, shown, signed, AT)
        return self.plain(f"/alerts/{kind}{query}", signed, dict(headers))

    def plain(
        self, path: str, body: bytes, headers: dict[str, str], *more: tuple[str, str]
    ) -> tuple[int, dict[str, Any]]:
        """One call as it is given; `more` are header lines that may double others."""
        self.connection.putrequest("POST", path)
        for name, value in (*headers.items(), *more, ("Content-Length", str(len(body)))):
            self.connection.putheader(name, value)
        self.connection.endheaders(body)
        answer = self.connection.getresponse()
        return answer.status, json.loads(answer.read())

    def forget(self) -> None:
        """Let a delivery of another test be new again."""
        with self.store.engine.begin() as connection:
            connection.execute(text("DELETE FROM deliveries"))

    def stored(self) -> int:
        """How many bodies wait for the correlator."""
        with self.store.engine.connect() as connection:
            return int(connection.execute(select(func.count(schema.raw_bodies.c.id))).scalar_one())


def sources() -> dict[str, Source]:
    """A source for each proof of each system."""
    return {
        f"{kind}-{scheme}": Source(
            kind=kind,
            proof=scheme,
            token=SecretStr("" if scheme == "sns" else secret_of(kind, scheme)),
            previous_token=None if scheme == "sns" else SecretStr(secret_of(kind, scheme, "before")),
            topics=(TOPIC,) if scheme == "sns" and kind == "cloudwatch" else (f"{TOPIC}-{kind}",),
        )
        for kind in kinds()
        for scheme in parser(kind).facts.proofs
    }


def topic_of(case: Case) -> str:
    """The topic that a system's source names."""
    return TOPIC if case.kind == "cloudwatch" else f"{TOPIC}-{case.kind}"


@pytest.fixture(scope="module")
def intake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Intake]:
    with running(tmp_path_factory.mktemp("sources")) as here:
        yield here


@contextlib.contextmanager
def running(folder: Path) -> Iterator[Intake]:
    """The intake on a fresh store in `folder`, at the time of the fixtures."""
    settings = Settings(
        data_dir=folder,
        database_url=f"sqlite:///{folder / 'w.sqlite3'}",
        audit_key=SecretStr("a" * 64),
        storage_key=SecretStr("b" * 64),
    )
    store = open_store(settings)
    assert isinstance(store, SqlStore)
    sns, clock = Sns(), Noon()
    commits = GroupCommit(store, lambda: None)

    @contextlib.asynccontextmanager
    async def beside(app: Starlette) -> AsyncIterator[None]:
        assert app.state.intake.commits is commits
        task = asyncio.create_task(commits.run())
        yield
        task.cancel()

    parsers = {kind: parser(kind) for kind in kinds()}
    ports = IntakePorts(sources(), parsers, commits, clock, SnsNotary(sns.fetch))
    app = build_http(ports, HealthPorts(store, clock, (), "observe"), beside)
    with hosted(app) as port:
        connection = http.client.HTTPConnection(HOST, port, timeout=20)
        try:
            yield Intake(port, store, sns, connection)
        finally:
            connection.close()
    store.close()
