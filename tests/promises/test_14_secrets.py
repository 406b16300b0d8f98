"""Promise 14: no secret in a prompt, log, post, post-mortem, queue payload or row, wherever in an incident it came in."""

import io
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import structlog
from redis import Redis
from sqlalchemy import select

from bot.adapters.queue import rq
from bot.adapters.store import schema
from bot.adapters.store.sql import SqlStore, open_store
from bot.domain import redaction
from bot.domain.redaction import redact
from bot.settings import Settings
from bot.wiring import logs
from tests.contract.queue.test_rq import server as _server
from tests.contract.queue.test_rq import url as _url
from tests.contract.reasoner.endpoint import Endpoint
from tests.promises.conftest import Tally
from tests.promises.secrets_of_others import SHAPES, benign, made
from tests.promises.whole_incident import through
from tests.slack.desk import Desk

FULL_INCIDENTS = 12
BENIGN = 1000
server, url = _server, _url


def plant(monkeypatch: pytest.MonkeyPatch) -> None:
    """No shape, no place and no name is known."""
    monkeypatch.setattr(redaction, "_short", lambda text: text)
    monkeypatch.setattr(redaction, "_redacted", lambda text: text)


def rows_of(store: SqlStore) -> list[str]:
    """Every row of every table; payloads are sealed, and their bytes are looked at as they are."""
    with store.engine.connect() as connection:
        return [
            f"{table.name} {tuple(row)!r}" + "".join(
                part.decode(errors="replace") for part in row if isinstance(part, bytes)
            )
            for table in schema.metadata.sorted_tables
            for row in connection.execute(select(table))
        ]  # fmt: skip


def logged(texts: list[str]) -> str:
    """What the product's log writes when an adapter, a library or an exception tells a secret."""
    out = io.StringIO()
    chain: list[Any] = [
        structlog.processors.format_exc_info,
        logs._redacted,
        structlog.processors.JSONRenderer(),
    ]
    log: Any = structlog.wrap_logger(structlog.PrintLogger(out), processors=chain)
    for text in texts:
        log.warning("poke_lost", reason=text, more={"inner": [text, {"deep": text}]}, error=ValueError(text))
        log.warning(text)
        try:
            raise ValueError(text)
        except ValueError:
            log.exception("unit_failed")
    return out.getvalue()


def queued(url: str, tasks: list[int]) -> str:
    """Every byte that our pokes leave in the queue's server."""
    queue = rq.build(url)
    queue.poke("bot.jobs.correlate", 0)
    for task in tasks:
        queue.poke("bot.jobs.work", task)
    with Redis.from_url(url) as server:
        dumped = [bytes(server.dump(key) or b"") + bytes(key) for key in server.keys("*")]
    return b"\n".join(dumped).decode(errors="replace")


@pytest.mark.timeout(600)
async def test_no_secret_gets_out(
    promise: Callable[[int], Tally],
    settings: Callable[..., Settings],
    tmp_path: Path,
    endpoint: Endpoint,
    url: str,
) -> None:
    tally, seeded = promise(14), random.Random(14)
    for number in range(tally.size(FULL_INCIDENTS)):
        shapes = made(seeded)
        texts = [text for text, _ in shapes.values()]
        seeded.shuffle(texts)
        endpoint.requests.clear()
        store = open_store(settings(database_url=f"sqlite:///{tmp_path}/{number}.sqlite3"))
        assert isinstance(store, SqlStore)
        desk = Desk(store)
        sinks = await through(desk, texts, endpoint, seeded)
        sinks += [*rows_of(store), logged(texts), queued(url, desk.tasks)]
        desk.recorder.close()
        store.close()
        everything = "\n".join(sinks)
        assert "[redacted" in everything or number or redact("x") == "x"
        for name, (_, secret) in shapes.items():
            found = [sink for sink in sinks if secret[:10] in sink or secret[-10:] in sink]
            tally.tried()
            if found:
                at = found[0].find(secret[:10] if secret[:10] in found[0] else secret[-10:])
                tally.broken(f"{name} in {len(found)} sinks: {found[0][max(0, at - 90) : at + 30]!r}")


def test_ids_and_names_stay_readable(promise: Callable[[int], Tally]) -> None:
    tally, seeded = promise(14), random.Random(15)
    for text in benign(seeded, BENIGN):
        tally.check(redact(text) == text, f"{text!r} became {redact(text)!r}")
    for text, secret in made(seeded).values():
        tally.check(secret not in redact(text), f"{text!r} stays as it is")
    assert len(SHAPES) >= 60
