"""A desk for Slack tests: the real store, the real Bolt app and the deciding loop, with the shipped in-memory Slack."""

import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from slack_bolt.async_app import AsyncApp, AsyncBoltRequest
from slack_bolt.response import BoltResponse

from bot.adapters.chat.memory import MemoryChat, Posted
from bot.adapters.queue.inline import InlineQueue
from bot.adapters.store.sql import SqlStore
from bot.domain.event import Event, EventType, NewEvent
from bot.domain.incident import Incident, Severity
from bot.domain.plan import ActionClass, Plan
from bot.domain.records import MessageKind
from bot.pipeline.declare import declare_by_hand
from bot.ports import Transaction
from bot.slack.answers import Answers, at_once
from bot.slack.app import build_app
from bot.slack.deciding.parts import DecidingParts
from bot.slack.inbox import decide_inbox
from bot.slack.listening import SlackPorts
from bot.slack.outbox import Outbox
from bot.slack.recording import Recorder
from tests.slack.clock import HandClock
from tests.unit.blocks import samples

TEAM = "T0HOME"
KEY = b"g" * 32


def person(user: str, **flags: Any) -> dict[str, Any]:
    base = {"id": user, "team_id": TEAM, "deleted": False, "is_bot": False}
    return {**base, "is_restricted": False, "is_ultra_restricted": False, **flags}


PEOPLE = {
    "U0ONCALL1": person("U0ONCALL1"),
    "U0ONCALL2": person("U0ONCALL2"),
    "U0OUTSIDER": person("U0OUTSIDER"),
    "U0GUEST": person("U0GUEST", is_restricted=True, is_ultra_restricted=True),
}


@dataclass
class Desk:
    """Everything around one incident."""

    store: SqlStore
    observe_only: bool = False
    clock: HandClock = field(default_factory=HandClock)
    tasks: list[int] = field(default_factory=list)
    alerts: list[str] = field(default_factory=list)
    _count: int = 0

    def __post_init__(self) -> None:
        self.chat = MemoryChat(self.clock, people=dict(PEOPLE), groups={"oncall": ("U0ONCALL1", "U0ONCALL2")})
        self.recorder = Recorder(self.store, self.clock, lambda: self.alerts.append("pending"))
        self.ports = SlackPorts(
            record=self.recorder.record,
            record_alert=self.recorder.record_alert,
            mark=self.recorder.mark,
            poke=lambda: None,
            team=TEAM,
            bot_user="U0BOT",
            bot_token="xoxb-test",
            api_url="http://127.0.0.1:9/api/",
            alert_apps={"Grafana": "grafana", "A0TRUSTED": "trusted"},
        )
        self.app: AsyncApp = build_app(self.ports)
        self.parts = DecidingParts(
            store=self.store,
            chat=self.chat,
            clock=self.clock,
            queue=InlineQueue({"bot.jobs.work": self.tasks.append}),
            grant_key=KEY,
            approver_group="oncall",
            home_team=TEAM,
            observe_only=self.observe_only,
            new_id=self._new_id,
            say=Answers(self.chat, self.clock, at_once, self.clock.forward).say,
        )
        self.outbox = Outbox(self.store, self.chat, self.clock, "C0ALERTS", "oncall", "S0ONCALL", "desk")

    def _new_id(self) -> str:
        self._count += 1
        return f"inc-{self._count}"

    async def dispatch(self, payload: dict[str, Any], *, form: bool = False) -> BoltResponse:
        """Hand one Socket Mode payload to the app."""
        body = urlencode(payload) if form else json.dumps(payload)
        return await self.app.async_dispatch(AsyncBoltRequest(body=body, mode="socket_mode"))

    async def slash(self, who: str, text: str, channel: str = "C0ALERTS") -> None:
        """Type /incident and let it be decided."""
        payload = {
            "command": "/incident", "text": text, "user_id": who, "team_id": TEAM, "channel_id": channel,
            "trigger_id": self.trigger(),
        }  # fmt: skip
        answer = await self.dispatch(payload)
        assert answer.status == 200, answer.body
        decide_inbox(self.parts)

    async def mention(self, who: str, text: str, channel: str = "C0ALERTS", thread_ts: str = "") -> None:
        """Write to the bot in a channel or thread and let it be decided."""
        event = {
            "type": "app_mention",
            "user": who,
            "text": f"<@U0BOT> {text}",
            "channel": channel,
            "team": TEAM,
        }
        if thread_ts:
            event["thread_ts"] = thread_ts
        answer = await self.dispatch(self.event(event))
        assert answer.status == 200, answer.body
        decide_inbox(self.parts)

    def event(self, event: dict[str, Any]) -> dict[str, Any]:
        self._count += 1
        return {"type": "event_callback", "team_id": TEAM, "event_id": f"Ev{self._count}", "event": event}

    def trigger(self) -> str:
        self._count += 1
        return f"trigger-{self._count}"

    def click_body(self, who: str, post: Posted, action: str, **over: Any) -> dict[str, Any]:
        """The body of a click on the first button with that action."""
        found = self.button(post, action)
        body = {
            "type": "block_actions",
            "user": {"id": who, "team_id": TEAM},
            "team": {"id": TEAM},
            "channel": {"id": post.channel},
            "container": {"type": "message", "message_ts": post.ts, "channel_id": post.channel},
            "trigger_id": self.trigger(),
            "actions": [{**found, "action_ts": str(self._count), "block_id": "b"}],
        }
        return {**body, **over}

    async def click(self, who: str, post: Posted, action: str, **over: Any) -> None:
        """Click and let it be decided."""
        answer = await self.dispatch(self.click_body(who, post, action, **over))
        assert answer.status == 200, answer.body
        decide_inbox(self.parts)

    async def submit(self, who: str, values: dict[str, str]) -> None:
        """Submit the newest modal and let it be decided."""
        answer = await self.dispatch(self.submission_body(who, values))
        assert answer.status == 200, answer.body
        decide_inbox(self.parts)

    def submission_body(self, who: str, values: dict[str, str]) -> dict[str, Any]:
        """The body of the newest modal's submission."""
        _, view = self.chat.views[-1]
        state = {
            block: {block: {"type": "plain_text_input", "value": value}} for block, value in values.items()
        }
        return {
            "type": "view_submission",
            "user": {"id": who, "team_id": TEAM},
            "team": {"id": TEAM},
            "view": {**view, "id": self.trigger(), "hash": "h", "state": {"values": state}},
        }

    def button(self, post: Posted, action: str) -> dict[str, Any]:
        return next(found for found in _buttons(post.blocks) if found["action_id"].split(":")[0] == action)

    def declare(self, severity: Severity = Severity.SEV3) -> str:
        """Incident inc-1 with its card posted."""
        self._count = max(self._count, 1)
        self.store.transact(
            lambda tx: declare_by_hand(
                tx, incident="inc-1", title="checkout is down", severity=severity, by="U0LEAD",
                now=self.clock.now(), observe_only=self.observe_only,
            )
        )  # fmt: skip
        self.send()
        return "inc-1"

    def propose(self, plan: Plan | None = None) -> Plan:
        """Offer one plan and post the proposal."""
        made = plan or samples.plan(klass=ActionClass.SAFE)
        option = {"letter": made.option, "plan_hash": made.hash, "plan": made.to_json()}

        def work(tx: Transaction) -> None:
            tx.add_plan(made)
            event = NewEvent(EventType.OPTIONS_PROPOSED, {"options": [option], "withheld": []})
            tx.append("inc-1", [event], at_ms=round(self.clock.now() * 1000))
            tx.want_message("inc-1", MessageKind.PROPOSAL, now=self.clock.now())
            tx.want_message("inc-1", MessageKind.CARD, now=self.clock.now())

        self.store.transact(work)
        self.send()
        return made

    def send(self) -> None:
        """Let the outbox send what is due."""
        for _ in range(8):
            self.outbox.send_due()
            self.clock.forward(1.5)

    def post(self, kind: str) -> Posted:
        message = self.store.read(lambda tx: tx.message("inc-1", MessageKind(kind)))
        assert message is not None
        return next(post for post in self.chat.posts if post.ts == message.ts)

    def incident(self) -> Incident:
        found = self.store.read(lambda tx: tx.incident("inc-1"))
        assert found is not None
        return found

    def events(self, kind: EventType, chain: str = "inc-1") -> list[Event]:
        return [event for event in self.store.read(lambda tx: tx.events(chain)) if event.type is kind]

    def whisper(self) -> str:
        """What was last said in private."""
        return self.chat.whispers[-1][2]


def _buttons(value: Any) -> list[dict[str, Any]]:
    if isinstance(value, dict):
        own = [value] if "action_id" in value else []
        return own + [found for part in value.values() for found in _buttons(part)]
    if isinstance(value, list):
        return [found for part in value for found in _buttons(part)]
    return []
