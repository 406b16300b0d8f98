"""The roles that the product needs filled, in our own words; adapters fill them, `bot.wiring` chooses.

Every call is synchronous and raises only the errors of `bot.domain.errors`.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from bot.domain.alert import Alert
from bot.domain.correlation import Taught
from bot.domain.delivery import Delivery
from bot.domain.event import Event, NewEvent
from bot.domain.evidence import Diagnosis, Explanation
from bot.domain.freeze import FreezeWindow, Switch
from bot.domain.incident import Incident, IncidentState, Severity
from bot.domain.plan import Plan, PlannedStep, PlanState, Target
from bot.domain.playbook import Playbook
from bot.domain.records import (
    Arrived,
    Grant,
    InboxRow,
    IncidentRow,
    Message,
    MessageKind,
    PlanRow,
    RawBody,
    StepRow,
    StoredAlert,
    Task,
    TaskKind,
)
from bot.domain.source_facts import SourceFacts
from bot.domain.standing_order import OrderRow, OrderSignature, OrderState, StandingOrder, TierRow
from bot.domain.telemetry import Change, PlannedEvent, Readings
from bot.domain.topology import Topology

T = TypeVar("T")


class Clock(Protocol):
    """Wall time. Everything that compares deadlines reads it through here."""

    def now(self) -> float:
        """Unix seconds UTC."""


class AlertParser(Protocol):
    """Turns one payload of one monitoring system into Alerts and Changes."""

    name: str
    facts: SourceFacts

    def parse(self, body: bytes, *, source: str, received_at: float) -> Delivery:
        """All that `body` says; raises Permanent with a sentence that says what is wrong with it."""


class EvidenceSource(Protocol):
    """A read-only source of telemetry."""

    name: str

    def collect(self, services: Sequence[str], *, start: float, end: float) -> Readings:
        """Read the window; what cannot be had is returned as Missing, never raised."""


class TopologySource(Protocol):
    """Where the dependency graph comes from."""

    def topology(self, *, now: float, fresh: bool = False) -> Topology:
        """The newest graph; `fresh` asks for one that is not kept from before. Raises Retryable or Permanent."""


class Inventory(Protocol):
    """Live objects that playbooks may act on, read with read-only credentials."""

    kinds: tuple[str, ...]

    def find(self, kind: str, service: str) -> list[tuple[Target, Mapping[str, str]]]:
        """Targets of that kind that belong to a service, each with its live fields (see `domain/catalogue`)."""

    def declared(self, kind: str, role: str) -> list[tuple[Target, Mapping[str, str]]]:
        """Targets of that kind to which operators gave the role, by a label or tag `watchkeeper-role`."""


class Reasoner(Protocol):
    """Explains a diagnosis in prose; never decides."""

    name: str

    def explain(self, incident: Incident, diagnosis: Diagnosis) -> Explanation:
        """Sentences that cite evidence ids; never raises, trouble is said in `status`."""


class Playbooks(Protocol):
    """The reviewed responses."""

    def all(self) -> Sequence[Playbook]:
        """Every playbook, in id order."""


class Executor(Protocol):
    """The only kind of thing that writes to production; lives in the executor process alone."""

    name: str

    def read(self, target: Target) -> Mapping[str, str]:
        """Live fields of the target, `uid` among them; raises Permanent when it does not exist."""

    def dry_run(self, step: PlannedStep) -> None:
        """Ask the system whether it would accept the step; changes nothing; raises Refused or Permanent."""

    def call(self, step: PlannedStep, *, token: str) -> str:
        """Do it, once; returns one line for the log. Raises Conflict, Refused, Permanent or Undecided."""

    def settled(self, step: PlannedStep, *, token: str) -> bool:
        """Read back: does the live object show the state that the step sets? `token` is that of its call."""


class JobQueue(Protocol):
    """A poke, not a store: losing every job costs seconds, never work."""

    def poke(self, function: str, row_id: int) -> None:
        """Ask a worker to look at a row now; raises Retryable when the queue is away."""


class Log(Protocol):
    """The append-only, chained log."""

    def append(self, chain: str, events: Sequence[NewEvent], *, at_ms: int) -> Sequence[Event]:
        """Append in order; a lost race is retried by `Store.transact`."""

    def events(self, chain: str, *, after: int = 0) -> Sequence[Event]:
        """Events with seq greater than `after`, in order."""

    def incident(self, incident: str) -> Incident | None:
        """The fold of that incident's log."""

    def chains(self) -> Sequence[str]:
        """Every chain of the tenant."""

    def head(self, chain: str) -> tuple[int, bytes] | None:
        """Anchored (seq, mac) of the newest event."""


class Intake(Protocol):
    """Raw payloads and the alerts read from them."""

    def add_raw(self, source: str, kind: str, body: bytes, *, received_at: float) -> int: ...
    def add_raws(self, arrived: Sequence[Arrived]) -> None: ...
    def pending_raw(self, *, limit: int, most_bytes: int = ..., after: int = ...) -> Sequence[RawBody]: ...
    def oldest_pending_raw(self) -> float | None: ...
    def settle_raw(self, ids: Sequence[int]) -> None: ...
    def fail_raw(self, raw_id: int, reason: str, *, quarantine_after: int) -> bool: ...
    def alerts(self, fingerprints: Sequence[str]) -> Mapping[str, StoredAlert]: ...
    def save_alerts(self, rows: Sequence[StoredAlert]) -> None: ...
    def incident_alerts(
        self, incident: str, *, limit: int, source: str = "", services: Sequence[str] = ()
    ) -> Sequence[Alert]: ...
    def some_alerts(self, incident: str, *, limit: int) -> Sequence[Alert]: ...
    def move_alerts(
        self, incident: str, to: str, *, services: Sequence[str] | None
    ) -> dict[str, tuple[int, int]]: ...
    def firing_count(self, incident: str) -> int: ...
    def alerting(self, incident: str) -> Mapping[str, tuple[int, int]]: ...
    def firing_by_service(self, incident: str) -> Mapping[str, tuple[int, int]]: ...
    def first_delivery(self, source: str, key: str, *, at: float) -> bool: ...
    def save_changes(self, source: str, changes: Sequence[Change]) -> None: ...
    def changes(self, *, start: float, end: float) -> Sequence[Change]: ...


class Incidents(Protocol):
    """The routing rows of incidents."""

    def open_incidents(self) -> Sequence[IncidentRow]: ...
    def all_incidents(self, *, limit: int, up_to: int = 0) -> Sequence[IncidentRow]: ...
    def incident_row(self, incident: str) -> IncidentRow | None: ...
    def incident_at(self, channel: str, thread_ts: str) -> IncidentRow | None: ...
    def next_number(self) -> int: ...
    def insert_incident(self, row: IncidentRow) -> None: ...
    def touch_incident(self, incident: str, *, last_alert_at: float, services: Sequence[str]) -> None: ...
    def set_state(self, incident: str, state: IncidentState) -> None: ...
    def set_severity(self, incident: str, severity: Severity) -> None: ...
    def set_place(self, incident: str, *, channel: str, thread_ts: str) -> None: ...


class Tasks(Protocol):
    """Background work; a job in the queue only says which row to look at."""

    def add_task(self, kind: TaskKind, incident: str, reason: str, *, due_at: float) -> int: ...
    def hasten_tasks(self, incident: str, reason: str, *, now: float) -> None: ...
    def due_tasks(self, *, now: float) -> Sequence[int]: ...
    def next_work_at(self) -> float | None: ...
    def claim_task(self, task_id: int, *, now: float, lease_s: float) -> Task | None: ...
    def finish_task(self, task: Task) -> bool: ...
    def release_task(self, task: Task, *, due_at: float, reason: str, counted: bool = True) -> bool: ...


class Outbox(Protocol):
    """Messages that should exist in Slack."""

    def want_message(
        self,
        incident: str,
        kind: MessageKind,
        *,
        key: str = "",
        text: str = "",
        now: float,
    ) -> int: ...
    def waits_for_another(self, message: Message, *, now: float) -> bool: ...
    def due_messages(self, *, now: float, limit: int) -> Sequence[Message]: ...
    def next_message_at(self) -> float | None:
        """When the next message is due, which may be past; None while every message shows what it should."""

    def message(self, incident: str, kind: MessageKind, *, key: str = "") -> Message | None: ...
    def place_message(self, message_id: int, *, channel: str, thread_ts: str) -> None: ...
    def doubt_message(self, message_id: int) -> None: ...
    def sent_message(
        self, message_id: int, *, ts: str, revision: int, next_at: float, now: float
    ) -> None: ...
    def delay_message(self, message_id: int, *, next_at: float, reason: str) -> None: ...
    def posted_count(self, incident: str) -> int: ...
    def withdraw_unseen(self, incident: str) -> bool:
        """Want none of its messages any more, unless one was posted or may have been; whether it was done."""

    def leave_place(self, incident: str, *, now: float) -> bool:
        """Turn what was posted (or may have been) into what is left of it where it stands; whether the card was."""


class Plans(Protocol):
    """The gate's rows. Every move is one compare-and-set; False means that somebody else was first."""

    def add_plan(self, plan: Plan) -> str: ...
    def plan(self, plan_hash: str) -> PlanRow | None: ...
    def plans_of(self, incident: str) -> Sequence[PlanRow]: ...
    def move_plan(self, plan_hash: str, *, to: PlanState, frm: Sequence[PlanState]) -> bool: ...
    def add_grant(self, grant: Grant) -> None: ...
    def grant(self, plan_hash: str) -> Grant | None: ...
    def claim_plan(self, plan_hash: str, *, holder: str, now: float, lease_s: float) -> int | None: ...
    def running_plans(self) -> Sequence[str]: ...
    def claimable_plans(self, *, now: float) -> Sequence[str]: ...
    def next_plan_at(self) -> float | None: ...
    def renew_plan(self, plan_hash: str, *, epoch: int, now: float, lease_s: float) -> bool: ...
    def intend_step(self, row: StepRow, *, epoch: int) -> bool: ...
    def settle_step(self, row: StepRow, *, epoch: int) -> bool: ...
    def finish_plan(self, plan_hash: str, *, to: PlanState, epoch: int) -> bool: ...
    def steps(self, plan_hash: str) -> Sequence[StepRow]: ...


class Gating(Protocol):
    """What else may hold a plan back, and what is counted against its caps."""

    def add_freeze(self, window: FreezeWindow) -> bool: ...
    def freezes(self, *, after: float) -> Sequence[FreezeWindow]: ...
    def frozen_by(self, scopes: Sequence[str], *, now: float) -> FreezeWindow | None: ...
    def switches_on(self) -> Sequence[Switch]: ...
    def lift_freeze(self, window_id: str, *, at: float) -> bool: ...
    def lock_admission(self) -> None: ...
    def admit(self, plan_hash: str, names: Sequence[str], *, at: float) -> None: ...
    def admitted(self, plan_hash: str) -> bool: ...
    def admissions(self, name: str, *, since: float) -> int: ...
    def running_admitted(self) -> int: ...
    def count_refusal(self, incident: str, user: str, *, now: float, window_s: float) -> tuple[int, int]: ...
    def database_now(self, *, now: float) -> float | None: ...


class Orders(Protocol):
    """Standing orders, their signatures, what they fired, and the tiers that people set."""

    def add_order(self, order: StandingOrder) -> None: ...
    def order(self, name: str) -> OrderRow | None: ...
    def orders(self, states: Sequence[OrderState]) -> Sequence[OrderRow]: ...
    def next_order_id(self) -> str: ...
    def move_order(self, order_hash: str, *, to: OrderState, live_seq: int = 0) -> bool: ...
    def add_signature(self, signature: OrderSignature) -> bool: ...
    def signatures(self, order_hash: str) -> Sequence[OrderSignature]: ...
    def fire_order(
        self, order_hash: str, plan_hash: str, *, incident: str, targets: Sequence[str], at: float
    ) -> bool: ...
    def firings(self, order_hash: str, *, since: float) -> int: ...
    def set_tier(self, row: TierRow) -> None: ...
    def tiers(self, scopes: Sequence[str]) -> Sequence[TierRow]: ...


class Control(Protocol):
    """Switches, leases, planned events, what people did in Slack, and signs of life."""

    def set_switch(self, scope: str, on: bool, *, by: str, at: float) -> None: ...
    def switched_on(self, scopes: Sequence[str]) -> str | None: ...
    def take_lease(self, name: str, *, holder: str, now: float, ttl_s: float) -> int | None: ...
    def holds_lease(self, name: str, epoch: int) -> bool: ...
    def add_planned_event(self, event: PlannedEvent) -> None: ...
    def planned_events(self, *, start: float, end: float) -> Sequence[PlannedEvent]: ...
    def record_inbox(self, dedupe: str, kind: str, payload: Mapping[str, Any], *, at: float) -> bool: ...
    def pending_inbox(self, *, limit: int) -> Sequence[InboxRow]: ...
    def settle_inbox(self, row_id: int, *, note: str) -> None: ...
    def retry_inbox(self, row_id: int, *, quarantine_after: int) -> None: ...
    def save_topology(self, topology: Topology) -> None: ...
    def topology(self) -> Topology: ...
    def save_taught(self, taught: Taught, *, at: float) -> None: ...
    def taught(self) -> Taught: ...
    def save_everyday(self, text: str, *, at: float) -> None: ...
    def everyday(self) -> str: ...
    def beat(self, process: str, *, at: float) -> None: ...
    def beats(self) -> Mapping[str, float]: ...
    def save_approvers(self, users: Sequence[str], *, at: float) -> None: ...
    def approvers(self) -> tuple[frozenset[str], float] | None: ...
    def save_postmortem(self, incident: str, markdown: str, *, at: float) -> None: ...
    def postmortem(self, incident: str) -> str: ...


class Watching(Protocol):
    """What the watcher knows of each service between two looks; sealed at rest."""

    def save_baseline(self, service: str, body: bytes, *, at: float) -> None: ...
    def baselines(self, services: Sequence[str]) -> Mapping[str, bytes]: ...
    def stalest_baselines(self, services: Sequence[str], *, limit: int) -> Sequence[str]:
        """The services looked at longest ago first; those never looked at before all others."""


class Retention(Protocol):
    """Rows that nobody needs any more; the log keeps all that they led to."""

    def forget(self, *, before: float, limit: int) -> int: ...


class Transaction(
    Log, Intake, Incidents, Tasks, Outbox, Plans, Gating, Orders, Control, Watching, Retention, Protocol
):
    """Everything that one transaction may do. No network call belongs inside one."""


class Store(Protocol):
    """The database. `tenant` is fixed for a store; every key begins with it."""

    tenant: str

    def transact(self, work: Callable[[Transaction], T]) -> T:
        """Run `work` in one writing transaction; lost races run it again, so it must have no other effects."""

    def read(self, work: Callable[[Transaction], T]) -> T:
        """Run `work` in one reading transaction."""

    def next_message(self) -> Callable[[], tuple[bool, float | None]]:
        """Tells whether anything may have been committed since it was last asked, and when the next message is due.

        For one thread; raises Retryable like `read`, which it is a cheap way to. `next_plan` is its like for plans
        that may be claimed.
        """

    def next_plan(self) -> Callable[[], tuple[bool, float | None]]: ...

    def next_work(self) -> Callable[[], tuple[bool, float | None]]:
        """As `next_message`, with the time since when a payload waits, or from which on a task is due."""
        ...

    def close(self) -> None:
        """Give every connection back; the next use opens another."""


class Chat(Protocol):
    """Slack, as far as stages and the outbox know it. Blocks are plain dicts."""

    def post(
        self,
        *,
        channel: str,
        thread_ts: str,
        text: str,
        blocks: Sequence[Mapping[str, Any]],
        dedupe: str,
    ) -> str:
        """Post and return the ts. Raises Retryable (with Retry-After), Permanent, or Undecided."""

    def update(self, *, channel: str, ts: str, text: str, blocks: Sequence[Mapping[str, Any]]) -> None: ...
    def find_post(self, *, channel: str, thread_ts: str, dedupe: str) -> str | None: ...
    def ephemeral(
        self,
        *,
        channel: str,
        thread_ts: str,
        user: str,
        text: str,
        blocks: Sequence[Mapping[str, Any]],
        reply_url: str = "",
    ) -> None:
        """Tell one person; at `reply_url`, which is a secret, where the bot is no member of the channel."""

    def open_view(self, *, trigger_id: str, view: Mapping[str, Any]) -> None: ...
    def create_channel(self, *, name: str) -> str: ...
    def invite(self, *, channel: str, users: Sequence[str]) -> None: ...
    def set_topic(self, *, channel: str, topic: str) -> None: ...
    def pin(self, *, channel: str, ts: str) -> None: ...
    def group_members(self, group: str, *, fresh: bool = False) -> Sequence[str]:
        """User ids of a group, at most a minute old; `fresh` reads it now."""

    def user(self, user: str) -> Mapping[str, Any]: ...
    def channel(self, channel: str) -> Mapping[str, Any]: ...
