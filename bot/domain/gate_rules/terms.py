"""What every rule of the gate speaks of: a click, the facts at that moment, a refusal. No rule is here."""

from dataclasses import dataclass
from enum import StrEnum

from bot.domain.identity import Identity
from bot.domain.plan import ActionClass, Plan, PlanState
from bot.domain.records import PlanRow

MAX_SKEW_S = 120.0
WARN_SKEW_S = 30.0
UNDO_MAX_AGE_S = 86_400.0


class Verb(StrEnum):
    """What a person may do with an offered plan."""

    APPROVE = "approve"
    REJECT = "reject"
    UNDO = "undo"


class Rule(StrEnum):
    """Stable names of the rules, in the order in which they are asked; they stand in the log."""

    OBSERVE_ONLY = "observe_only"
    WRONG_WORKSPACE = "wrong_workspace"
    SHARED_CHANNEL = "shared_channel"
    CARD_MISMATCH = "card_mismatch"
    CHANNEL_UNREADABLE = "channel_unreadable"
    UNKNOWN_PLAN = "unknown_plan"
    PLAN_CHANGED = "plan_changed"
    USER_UNREADABLE = "user_unreadable"
    DEACTIVATED = "deactivated"
    BOT = "bot"
    STRANGER = "stranger"
    GUEST = "guest"
    GROUP_UNREADABLE = "group_unreadable"
    NOT_IN_GROUP = "not_in_group"
    REQUESTER = "requester"
    TYPED_NAME = "typed_name"
    NO_REASON = "no_reason"
    INCIDENT_CLOSED = "incident_closed"
    FROZEN = "frozen"
    PLANNED_EVENT = "planned_event"
    CLOCK = "clock"
    STALE_CLICK = "stale_click"
    EXPIRED = "expired"
    ALREADY_DECIDED = "already_decided"
    NOTHING_TO_UNDO = "nothing_to_undo"
    UNDO_TOO_OLD = "undo_too_old"
    SECOND_APPROVER = "second_approver"


@dataclass(frozen=True, slots=True)
class Click:
    """One button press or modal submission, with the fields of the verified Slack body only.

    `at` is unix seconds at which it was received and `slack_at` those that Slack signed, 0 where it gave none;
    `external` says that the body itself calls the channel shared with another workspace, which interactions seldom
    do (`Facts.channel_ours` is what counts); `typed_name` is the target name that a destructive plan asks for,
    `reason` the words that a risky one asks for: kept and shown, never read by anything.
    """

    user: str
    team: str
    channel: str
    message_ts: str
    plan_hash: str
    incident: str
    verb: Verb
    at: float
    reason: str = ""
    typed_name: str = ""
    external: bool = False
    slack_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Facts:
    """What Slack and the store say at the moment of deciding; `members` None means that the group is unreadable.

    `channel_ours` says whether the click's channel belongs to our workspace alone; None means unreadable.
    `cards` are the (channel, ts) of our own messages that show this incident's options; `earlier` are those who
    already agreed to a plan that needs two people and still may; `requesters` asked for it; `frozen` says in words
    what is frozen, or is None; `overtaken` names a planned event that the plan does not know of; `damaged` says
    that the stored plan could not be read back as one, `closed` that the incident is over. Times in seconds:
    `now` by our clock, `database_now` by the database's where it has one of its own, `ended_at` of the run.
    """

    now: float
    identity: Identity
    members: frozenset[str] | None
    channel_ours: bool | None
    home_team: str
    cards: frozenset[tuple[str, str]]
    row: PlanRow | None
    observe_only: bool
    damaged: bool = False
    frozen: str | None = None
    overtaken: str = ""
    earlier: frozenset[str] = frozenset()
    requesters: frozenset[str] = frozenset()
    closed: bool = False
    database_now: float | None = None
    ended_at: float | None = None
    undo_max_age_s: float = UNDO_MAX_AGE_S

    @property
    def plan(self) -> Plan | None:
        """The stored plan, where there is one."""
        return self.row.plan if self.row else None

    @property
    def state(self) -> PlanState | None:
        """The stored plan's state, where there is one."""
        return self.row.state if self.row else None

    @property
    def destructive(self) -> bool:
        """Whether the plan needs two people."""
        return self.plan is not None and self.plan.klass is ActionClass.DESTRUCTIVE

    @property
    def true_now(self) -> float:
        """The time by which things expire: the database's where it has one, since all processes share it."""
        return self.now if self.database_now is None else self.database_now


@dataclass(frozen=True, slots=True)
class Refusal:
    """A rule that said no, and one sentence for the person who clicked: why, and what to do."""

    rule: Rule
    text: str
