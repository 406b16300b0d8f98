"""A whole incident of somebody else's words: alerts, logs, changes, a model's answer and what people type in Slack."""

import json
import random
from dataclasses import replace

from bot.adapters.reasoner.openai import OpenAiReasoner
from bot.domain.records import Task, TaskKind
from bot.domain.telemetry import Change, ChangeKind, LogLine, Missing, Readings
from bot.domain.topology import Topology
from bot.pipeline.correlate import Correlation, correlate
from bot.pipeline.investigate import investigate
from bot.pipeline.propose import Proposed
from bot.pipeline.review import review
from bot.slack.inbox import decide_inbox
from tests.contract.reasoner.endpoint import Endpoint, tells
from tests.promises.served import PARSERS
from tests.slack.desk import Desk
from tests.unit.domain.incidents import SHOP
from tests.unit.domain.test_diagnosis import bad_deploy
from tests.unit.pipeline.test_investigate import Told


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
    return [Told(Readings(tuple(series), tuple(lines), tuple(changes), missing=missing))]


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
