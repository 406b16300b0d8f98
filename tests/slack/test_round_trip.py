"""Round trips through the strict Slack double: real Web API, real Socket Mode, the real store, outbox and inbox."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import select

from bot.adapters.chat.slack import SlackChat, web_client
from bot.adapters.queue.inline import InlineQueue
from bot.adapters.store import schema
from bot.adapters.store.sql import SqlStore
from bot.domain.alert import Alert, AlertSeverity, AlertStatus, fingerprint_of
from bot.domain.correlation import sorted_out
from bot.domain.event import EventType, NewEvent
from bot.domain.incident import Severity
from bot.domain.plan import PlanState
from bot.domain.records import MessageKind, StoredAlert
from bot.pipeline.declare import declare, declare_by_hand
from bot.ports import Transaction
from bot.slack.answers import Answers, at_once
from bot.slack.app import build_app, socket_handler
from bot.slack.deciding.parts import DecidingParts
from bot.slack.inbox import decide_inbox
from bot.slack.listening import SlackPorts
from bot.slack.outbox import Outbox
from bot.slack.recording import Recorder
from tests.double.conftest import Running, start
from tests.slack.clock import HandClock
from tests.unit.blocks import samples


@pytest.fixture(scope="module")
def shared() -> Iterator[Running]:
    running = start()
    yield running
    running.stop()


@dataclass
class Site:
    """A running web side without HTTP."""

    double: Running
    store: SqlStore
    clock: HandClock
    chat: SlackChat
    outbox: Outbox
    parts: DecidingParts
    poked: threading.Event

    def incident(self, severity: Severity) -> None:
        self.store.transact(
            lambda tx: declare_by_hand(
                tx, incident="inc-1", title="checkout is down", severity=severity, by="U0ONCALL1",
                now=self.clock.now(), observe_only=False,
            )
        )  # fmt: skip

    def propose(self) -> str:
        made = samples.plan()
        option = {"letter": "A", "plan_hash": made.hash, "plan": made.to_json()}

        def work(tx: Transaction) -> None:
            tx.add_plan(made)
            event = NewEvent(EventType.OPTIONS_PROPOSED, {"options": [option], "withheld": []})
            tx.append("inc-1", [event], at_ms=round(self.clock.now() * 1000))
            for kind in (MessageKind.EVIDENCE, MessageKind.PROPOSAL, MessageKind.CARD):
                tx.want_message("inc-1", kind, now=self.clock.now())

        self.store.transact(work)
        return made.hash

    async def act(self, who: str, kind: str, **body: Any) -> dict[str, Any]:
        """A person's act, acknowledged within Slack's time, then decided and shown."""
        answer = await asyncio.to_thread(self.double.act, who, kind, **body)
        assert answer["acked"], answer
        assert answer["ack_ms"] < 3000
        decide_inbox(self.parts)
        self.send()
        return answer

    async def approve(self, who: str) -> None:
        """Submit the review that stands open."""
        (view,) = self.double.get("views", user=who)["views"]
        values = {"reason": {"reason": "errors since the release"}}
        await self.act(who, "view_submit", view_id=view["id"], values=values)

    def send(self) -> None:
        for _ in range(10):
            self.outbox.send_due()
            self.clock.forward(2)

    def whispers(self, who: str) -> list[str]:
        return [note["text"] for note in self.double.get("ephemerals", user=who)["ephemerals"]]

    def find(self, words: str) -> dict[str, Any]:
        for channel in self.double.state()["channels"]:
            for message in channel["messages"]:
                if words in str(message["blocks"]):
                    return {**message, "channel": channel["id"]}
        raise AssertionError(words)


@pytest_asyncio.fixture
async def site(shared: Running, store: SqlStore) -> AsyncIterator[Site]:
    shared.post("reset")
    clock, poked = HandClock(), threading.Event()
    chat = SlackChat(web_client(f"{shared.url}/api/", shared.options.bot_token), clock)
    team, bot_user = chat.identity()
    recorder = Recorder(store, clock, lambda: None)
    ports = SlackPorts(
        recorder.record, recorder.record_alert, recorder.mark, poked.set, team, bot_user, shared.options.bot_token,
        api_url=f"{shared.url}/api/", alert_apps={"Grafana": "grafana"},
    )  # fmt: skip
    handler = socket_handler(build_app(ports), ports, shared.options.app_token)
    await handler.connect_async()  # type: ignore[no-untyped-call]  # Bolt leaves it untyped
    await asyncio.to_thread(shared.until, lambda: shared.state()["connected"])
    outbox = Outbox(store, chat, clock, chat.channel_id("alerts"), "oncall", chat.group_id("oncall"), "test")
    parts = DecidingParts(
        store=store, chat=chat, clock=clock, queue=InlineQueue({"bot.jobs.work": lambda _task: None}),
        grant_key=b"g" * 32, approver_group="oncall", home_team=team, observe_only=False, new_id=lambda: "inc-9",
        say=Answers(chat, clock, at_once, clock.forward).say,
    )  # fmt: skip
    yield Site(shared, store, clock, chat, outbox, parts, poked)
    await handler.close_async()  # type: ignore[no-untyped-call]  # Bolt leaves it untyped
    recorder.close()


def review_button(message: dict[str, Any]) -> str:
    text = str(message["blocks"])
    start_at = text.index("'review:") + 1
    return text[start_at : text.index("'", start_at)]


async def test_a_bad_incident_from_card_to_approval(site: Site) -> None:
    site.incident(Severity.SEV1)
    site.send()
    plan_hash = site.propose()
    site.send()
    (room,) = [c for c in site.double.state()["channels"] if c["name"].startswith("inc-1-")]
    assert room["pins"] == [room["messages"][0]["ts"]]
    assert room["topic"] == "SEV1 | Investigating | INC-1"
    assert {"U0ONCALL1", "U0ONCALL2"} <= set(room["members"])
    assert len(site.double.messages("alerts")) == 1
    proposal = site.find("Review & approve")
    click = {
        "channel": proposal["channel"],
        "message_ts": proposal["ts"],
        "action_id": review_button(proposal),
    }
    for who, words in (("outsider", "approver group"), ("guest", "Guests")):
        room_members = {
            "channel": proposal["channel"],
            "users": "U0OUTSIDER" if who == "outsider" else "U0GUEST",
        }
        site.double.call("conversations.invite", **room_members)
        await site.act(who, "click", **click)
        if who == "outsider":
            await site.approve(who)
        assert any(words in text for text in site.whispers(who))
    await site.act("oncall-1", "click", **click)
    await site.approve("oncall-1")
    row = site.store.read(lambda tx: tx.plan(plan_hash))
    assert row is not None
    assert row.state is PlanState.GRANTED
    assert "approved by <@U0ONCALL1>" in str(site.find("approved by")["blocks"])
    counts = site.double.state()["counts"]
    assert counts["posts"] <= 10
    assert (counts["rate_limited"], counts["unknown_methods"], counts["late_acks"], counts["warnings"]) == (
        0,
        0,
        0,
        0,
    )


async def test_commands_modals_and_mentions(site: Site) -> None:
    await site.act("oncall-1", "slash", channel="alerts", command="incident", text="new payments are slow")
    (view,) = site.double.get("views", user="oncall-1")["views"]
    values = {"title": {"title": "payments are slow"}, "severity": {"severity": "3"}}
    await site.act("oncall-1", "view_submit", view_id=view["id"], values=values)
    card = site.find("payments are slow")
    mention = {"channel": "alerts", "text": "<@U0BOT> status", "thread_ts": card["ts"]}
    bot = site.chat.identity()[1]
    await site.act("oncall-2", "message", **{**mention, "text": f"<@{bot}> status"})
    assert any("INC-1" in text for text in site.whispers("oncall-2"))
    await site.act("oncall-2", "slash", channel="alerts", command="incident", text="resolve")
    assert "Resolved" in str(site.find("payments are slow")["blocks"])


async def test_slack_trouble_loses_and_doubles_nothing(site: Site) -> None:
    for kind, method in (
        ("posted_but_lost", "chat.postMessage"),
        ("500", "chat.postMessage"),
        ("429", "chat.update"),
    ):
        site.double.post("fault", method=method, kind=kind, seconds=0 if kind != "429" else 2)
    site.incident(Severity.SEV3)
    site.send()
    site.propose()
    site.send()
    kinds = [
        event.body["kind"]
        for event in site.store.read(lambda tx: tx.events("inc-1"))
        if event.type is EventType.MESSAGE_POSTED
    ]
    assert sorted(kinds) == ["card", "evidence", "proposal"]
    assert len(site.double.messages("alerts")) == 3


async def test_an_alert_of_another_app_is_kept(site: Site) -> None:
    await asyncio.to_thread(
        site.double.post,
        "act",
        type="app_message",
        channel="alerts",
        app="Grafana",
        text="[FIRING] HighLoad service: db",
    )
    raw = await asyncio.to_thread(
        site.double.until, lambda: site.store.read(lambda tx: tx.pending_raw(limit=3))
    )
    assert [item.source for item in raw] == ["grafana"]


async def regroup(site: Site, who: str, card: dict[str, Any], **chosen: Any) -> None:
    """Open the form from a card's menu and submit it."""
    entry = next(one["value"] for one in _menu(card)["options"] if one["value"].startswith("regroup|"))
    click = {"channel": card["channel"], "message_ts": card["ts"], "action_id": "menu", "value": entry}
    await site.act(who, "click", **click)
    view = site.double.get("views", user=who)["views"][-1]
    await site.act(
        who, "view_submit", view_id=view["id"], values={name: {name: chosen[name]} for name in chosen}
    )


def _menu(card: dict[str, Any]) -> dict[str, Any]:
    parts = [part for block in card["blocks"] for part in block.get("elements", ())]
    return next(part for part in parts if part.get("type") == "overflow")


async def test_incidents_are_split_and_merged_by_a_form(site: Site) -> None:
    alerts = [ongoing("cart", 3), ongoing("cart", 1), ongoing("checkout", 0), ongoing("disk", 0)]

    def work(tx: Transaction) -> None:
        declare(tx, sorted_out(alerts), incident="inc-1", now=site.clock.now(), observe_only=False)
        tx.save_alerts([StoredAlert(one, "inc-1", "first", 1, 1) for one in alerts])
        count = {"cart": 2, "checkout": 1, "disk": 1}
        body = {
            "count": 4, "firing": 4, "resolved": 0, "repeats": 0, "total": 4, "still_firing": 4, "services": count,
            "joins": {"first_alerts": 4}, "candidate": "", "candidate_why": "", "raw_ids": [1], "digest": "d",
        }  # fmt: skip
        tx.append("inc-1", [NewEvent(EventType.ALERTS_FOLDED, body)], at_ms=round(site.clock.now() * 1000))

    site.store.transact(work)
    site.send()
    card = site.find("cart")
    await regroup(site, "oncall-2", card, services=["checkout", "disk"], why="another team's fault")
    rows = {row.number: row for row in site.store.read(lambda tx: tx.open_incidents())}
    assert {number: row.services for number, row in rows.items()} == {1: ("cart",), 2: ("checkout", "disk")}
    assert any("have an incident of their own now: INC-2" in text for text in site.whispers("oncall-2"))
    assert site.store.read(lambda tx: tx.taught()).apart
    await regroup(site, "oncall-1", site.find("INC-2 ·"), into=rows[1].id, why="one after all")
    (row,) = site.store.read(lambda tx: tx.open_incidents())
    assert (row.number, row.services) == (1, ("cart", "checkout", "disk"))
    events = site.store.read(lambda tx: tx.events("inc-1"))
    moved = [event.body for event in events if event.type is EventType.ALERTS_MOVED]
    assert [(one["way"], one["by"], one["reason"]) for one in moved] == [
        ("out", "U0ONCALL2", "another team's fault"),
        ("in", "U0ONCALL1", "one after all"),
    ]
    await regroup(site, "oncall-1", site.find("INC-1 ·"), why="nothing chosen")
    assert any("Nothing was changed" in text for text in site.whispers("oncall-1"))
    guest = {"channel": card["channel"], "users": "U0GUEST"}
    site.double.call("conversations.invite", **guest)
    card = site.find("INC-1 ·")
    entry = next(one["value"] for one in _menu(card)["options"] if one["value"].startswith("regroup|"))
    click = {"channel": card["channel"], "message_ts": card["ts"], "action_id": "menu", "value": entry}
    await site.act("guest", "click", **click)
    assert any("Guests cannot use Watchkeeper" in text for text in site.whispers("guest"))
    assert site.double.get("views", user="guest")["views"] == []
    assert site.double.state()["counts"]["warnings"] == 0


def ongoing(service: str, number: int) -> Alert:
    """A firing alert of a service."""
    labels = {"alertname": "ErrorsHigh", "service": service, "pod": f"{service}-{number}"}
    return Alert(
        fingerprint_of("prod", labels), "prod", "ErrorsHigh", AlertStatus.FIRING, AlertSeverity.WARNING, service, "",
        1.0, 1.0, labels=labels,
    )  # fmt: skip


@pytest.mark.parametrize("private", [False, True])
async def test_a_command_where_the_bot_is_no_member_is_answered(site: Site, private: bool) -> None:
    site.incident(Severity.SEV3)
    site.double.post("channel", name="payments", users=["oncall-1"], private=private)
    await site.act("oncall-1", "slash", channel="payments", command="incident", text="status")
    (note,) = site.double.get("ephemerals", user="oncall-1")["ephemerals"]
    (room,) = site.double.get("state", channel="payments")["channels"]
    assert "INC-1" in note["text"]
    assert note["channel"] == room["id"]
    assert room["messages"] == []
    await site.act("oncall-1", "slash", channel="payments", command="incident", text="help")
    assert "What Watchkeeper understands" in site.whispers("oncall-1")[1]
    assert site.double.state()["calls"]["response_url"] == 2
    with site.store.engine.connect() as connection:
        kept = connection.execute(select(schema.inbox.c.payload)).scalars().all()
    assert len(kept) == 2
    assert "/response/" not in "".join(kept)


async def test_a_click_where_the_bot_was_thrown_out_is_answered(site: Site) -> None:
    site.incident(Severity.SEV3)
    site.propose()
    site.send()
    card = site.find("checkout is down")
    entry = next(one["value"] for one in _menu(card)["options"] if one["value"].startswith("timeline|"))
    site.double.post("channel", name="alerts", users=["oncall-1"])
    click = {"channel": card["channel"], "message_ts": card["ts"], "action_id": "menu", "value": entry}
    await site.act("oncall-1", "click", **click)
    assert any("INC-1" in text for text in site.whispers("oncall-1"))
    assert site.find("checkout is down")["blocks"] == card["blocks"]


@pytest.mark.parametrize("kind", ["429", "500", "posted_but_lost"])
async def test_a_private_answer_comes_though_slack_fails_once(site: Site, kind: str) -> None:
    site.double.post("fault", method="chat.postEphemeral", kind=kind, seconds=1)
    await site.act("oncall-1", "slash", channel="alerts", command="incident", text="status")
    shown = site.whispers("oncall-1")
    assert len(shown) == (2 if kind == "posted_but_lost" else 1), (
        "what cannot be read back is said twice at most"
    )
    assert site.double.state()["counts"]["late_acks"] == 0
