"""A stage for gate tests: a real store with one incident, its options on a posted card, and people in a chat."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

from bot.adapters.chat.memory import MemoryChat
from bot.domain.actions.table import action_of
from bot.domain.catalogue import planned_step
from bot.domain.gate import Click, Verb
from bot.domain.incident import Severity
from bot.domain.plan import ActionClass, Check, Plan, Target
from bot.domain.records import MessageKind
from bot.pipeline.approve import ApprovalOutcome, approve
from bot.pipeline.declare import declare_by_hand
from bot.pipeline.propose import Proposed, record_proposal
from bot.ports import Chat, Store

KEY = b"g" * 32
HOME = "T0HOME"
GROUP = "oncall"
REASON = "errors since the release"
ROOM = "C0INCIDENT"
CARD_TS = "1700000000.000100"
START = 1_700_000_000.0

_numbers: Iterator[int] = count(1)


def person(user: str, **flags: Any) -> dict[str, Any]:
    """A Slack user object of a full member, changed by `flags`."""
    plain = {"deleted": False, "is_bot": False, "is_restricted": False, "is_ultra_restricted": False}
    return {"id": user, "team_id": HOME, "name": user.lower(), **plain, **flags}


@dataclass
class Now:
    """A clock that stands still until it is moved."""

    at: float = START

    def now(self) -> float:
        return self.at


LIVE = {
    "uid": "11111111-2222-3333-4444-555555555555",
    "replicas": "4",
    "revision": "7",
    "template_hash": "bbbb7",
    "previous_revision": "6",
    "previous_template_hash": "aaaa6",
}


def target(name: str = "basket") -> Target:
    return Target("k8s.deployment", name, "production", LIVE["uid"], name)


def rollback_plan(
    incident: str, *, now: float, letter: str = "A", klass: ActionClass = ActionClass.RISKY
) -> Plan:
    """A plan as `propose` builds it."""
    params = {"to_revision": 6, "to_template": "aaaa6"}
    step = planned_step(action_of("kubectl/rollout-undo"), "rollback", target(), LIVE, params)
    created_ms = round(now * 1000)
    return Plan(
        tenant="main",
        incident=incident,
        option=letter,
        playbook="rollback-deployment",
        playbook_digest="d" * 64,
        title="Roll back: basket",
        klass=klass,
        steps=(step,),
        checks=(Check("error_ratio", "basket", 20, 15),),
        blast_radius={"deployments": 1, "pods": 4},
        created_ms=created_ms,
        expires_ms=created_ms + 900_000,
        nonce=f"nonce-{next(_numbers)}",
    )


@dataclass
class Stage:
    """One incident with options on its card; `click` builds a click on it, `decide` sends it through the stage."""

    store: Store
    clock: Now
    chat: Chat
    incident: str
    plans: tuple[Plan, ...]
    settings: dict[str, Any] = field(default_factory=dict)

    def click(self, user: str = "U0FIRST", verb: Verb = Verb.APPROVE, **changes: Any) -> Click:
        plain = Click(
            user=user,
            team=HOME,
            channel=ROOM,
            message_ts=CARD_TS,
            plan_hash=self.plans[0].hash,
            incident=self.incident,
            verb=verb,
            at=self.clock.at,
            reason=REASON,
        )
        return replace(plain, **changes)

    def decide(self, click: Click) -> ApprovalOutcome:
        given = {
            "store": self.store,
            "chat": self.chat,
            "clock": self.clock,
            "grant_key": KEY,
            "approver_group": GROUP,
            "home_team": HOME,
            "observe_only": False,
            **self.settings,
        }
        return approve(click, **given)

    def events(self, kind: str) -> list[Mapping[str, Any]]:
        """Bodies of the incident's events of one type."""
        log = self.store.read(lambda tx: tx.events(self.incident))
        return [event.body for event in log if event.type.value == kind]


def workspace(clock: Now) -> MemoryChat:
    """Two on-call engineers in the group, one colleague outside of it, and accounts that may never decide."""
    people = [
        person("U0FIRST"),
        person("U0SECOND"),
        person("U0COLLEAGUE"),
        person("U0LEAD"),
        person("U0GUEST", is_restricted=True, is_ultra_restricted=True),
        person("U0BOT", is_bot=True),
    ]
    chat = MemoryChat(clock, people={one["id"]: one for one in people}, channels={ROOM: "inc-1"})
    chat.groups[GROUP] = ("U0FIRST", "U0SECOND", "U0LEAD", "U0GUEST", "U0BOT")
    return chat


def stage(store: Store, *, letters: str = "A", klass: ActionClass = ActionClass.RISKY) -> Stage:
    """A new incident with posted options in `store`."""
    clock = Now()
    incident = f"inc-{next(_numbers)}"
    plans = tuple(rollback_plan(incident, now=clock.at, letter=letter, klass=klass) for letter in letters)

    def work(tx: Any) -> None:
        declare_by_hand(
            tx,
            incident=incident,
            title="basket errors",
            severity=Severity.SEV2,
            by="U0LEAD",
            now=clock.at,
            observe_only=False,
        )
        options = tuple((plan.option, plan) for plan in plans)
        record_proposal(tx, incident, Proposed(options, ()), now=clock.at)
        message = tx.message(incident, MessageKind.PROPOSAL) or tx.message(incident, MessageKind.CARD)
        tx.place_message(message.id, channel=ROOM, thread_ts="")
        tx.sent_message(message.id, ts=CARD_TS, revision=1, next_at=clock.at, now=clock.at)

    store.transact(work)
    return Stage(store, clock, workspace(clock), incident, plans)
