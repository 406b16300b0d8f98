"""Promise 14: no secret in a prompt, log, post, post-mortem, queue payload or row, wherever in an incident it came in."""

import io
import json
import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import structlog
from redis import Redis
from sqlalchemy import select

from bot.adapters.queue import rq
from bot.adapters.reasoner.openai import OpenAiReasoner
from bot.adapters.store import schema
from bot.adapters.store.sql import SqlStore, open_store
from bot.domain import redaction
from bot.domain.records import Task, TaskKind
from bot.domain.redaction import redact
from bot.domain.telemetry import Change, ChangeKind, LogLine, Missing, Readings
from bot.domain.topology import Topology
from bot.pipeline.correlate import Correlation, correlate
from bot.pipeline.investigate import investigate
from bot.pipeline.propose import Proposed
from bot.pipeline.review import review
from bot.settings import Settings
from bot.slack.inbox import decide_inbox
from bot.wiring import logs
from tests.contract.queue.test_rq import url as _url
from tests.contract.reasoner.endpoint import Endpoint, tells
from tests.promises.conftest import Tally
from tests.promises.secrets_of_others import SHAPES, benign, made
from tests.promises.served import PARSERS
from tests.slack.desk import Desk
from tests.unit.domain.incidents import SHOP
from tests.unit.domain.test_diagnosis import bad_deploy
from tests.unit.pipeline.test_investigate import Told

FULL_INCIDENTS = 20
BENIGN = 1000
url = _url


def plant(monkeypatch: pytest.MonkeyPatch) -> None:
    """No shape, no place and no name is known."""
    monkeypatch.setattr(redaction, "_short", lambda text: text)
    monkeypatch.setattr(redaction, "_redacted", lambda text: text)


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    opened = Endpoint()
    yield opened
    opened.shutdown()
    opened.server_close()


class Graph:
    """The shop's dependencies."""

    def topology(self, *, now: float, fresh: bool = False) -> Topology:
        del now, fresh
        return SHOP


def alerts_of(texts: list[str], starts: str) -> bytes:
    """Every field of a webhook that somebody else fills holds a secret."""
    alerts = [
        {
            "status": "firing",
            "labels": {
                "alertname": text if at % 5 == 0 else f"Errors {at}",
                "service": "cart",
                "severity": "critical",
                "note": text,
                "n": str(at),
                text: "in the name of a label" if at % 7 == 0 else text,
            },
            "annotations": {"summary": text, "description": text},
            "startsAt": starts,
            "generatorURL": f"https://metrics.example/{text}",
        }
        for at, text in enumerate(texts)
    ]
    return json.dumps({"version": "4", "alerts": alerts}).encode()


def sources_of(texts: list[str], at: float) -> list[Told]:
    """Logs, changes and excuses with secrets beside the readings of a bad deploy."""
    told = bad_deploy()
    shift = at - told.now
    series = [replace(one, times=tuple(time + shift for time in one.times)) for one in told.series]
    changes = [replace(one, at=one.at + shift, title=f"{one.title} {texts[0]}") for one in told.changes]
    for number, text in enumerate(texts):
        when = told.opened_at + shift - 60 + number / 10
        changes.append(Change("cart", ChangeKind.CONFIG, when, text, text, text, text, text))
    lines = [
        LogLine("cart", told.opened_at + shift - 30 + number / 10, f"ERROR cannot connect: {text}")
        for number, text in enumerate(texts)
        for _ in range(3)
    ]
    missing = tuple(Missing("loki", text) for text in texts[:20])
    return [Told(Readings(tuple(series), tuple(lines), tuple(changes), missing))]


async def through(desk: Desk, texts: list[str], endpoint: Endpoint, seeded: random.Random) -> list[str]:
    """A whole incident; returns what left the product beside its database."""
    store, clock = desk.store, desk.clock
    starts = "2026-05-04T03:10:00Z"
    store.transact(
        lambda tx: tx.add_raw("prod", "alertmanager", alerts_of(texts, starts), received_at=clock.now())
    )
    parts = Correlation(store, PARSERS, Graph(), clock, "me", lambda: "inc-1", observe_only=False)
    (task,) = correlate(parts).tasks
    endpoint.answer = tells(*((text, ["E1"]) for text in seeded.sample(texts, 5)))
    investigate(
        Task(task, TaskKind.INVESTIGATE, "inc-1", "declared", 1, 1),
        store=store,
        sources=sources_of(texts, clock.now()),
        topology=Graph(),
        clock=clock,
        reasoner=OpenAiReasoner(base_url=endpoint.url, model="told", api_key="k", deadline_s=10),
        propose=lambda *_: Proposed((), tuple((text, text) for text in texts[:10])),
    )
    desk.send()
    desk.propose()
    for text in texts:
        flat = " ".join(text.split())
        for words in (f"note {flat}", f"event {flat} from 10:00 to 11:00 for cart"):
            await desk.slash("U0ONCALL1", words)
    await desk.slash("U0ONCALL1", f"reject A {' '.join(texts[3].split())}")
    await desk.slash("U0ONCALL1", f"resolve {' '.join(texts[4].split())}")
    decide_inbox(desk.parts)
    review(Task(1, TaskKind.REVIEW, "inc-1", "resolved", 1, 1), store=store, clock=clock)
    desk.send()
    shown = [json.dumps([post.text, list(post.blocks)], ensure_ascii=False) for post in desk.chat.posts]
    prompts = [json.dumps(request, ensure_ascii=False) for request in endpoint.requests]
    assert store.read(lambda tx: tx.postmortem("inc-1"))
    assert len(shown) >= 5
    assert len(prompts) == 1
    return [*shown, *prompts, *(said for _, _, said in desk.chat.whispers)]


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
