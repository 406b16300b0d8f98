"""What the outbox reads: the messages that are due, each with the incident that it is about; and when to look for them.

Nothing is sent from here.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from bot.domain.incident import Incident
from bot.domain.records import IncidentRow, Message, MessageKind
from bot.ports import Clock, Store, Transaction

_BATCH = 500
# What could not go is looked at again after so long.
REST_S = 0.25
# A card that waits for the rest of its storm is expected so long before it is due.
SOON_S = 3.0
# Between two glances: with nothing going on, while messages go out, just after alerts came in, while a card is expected.
IDLE_S, LIVELY_S, BUSY_S, EXPECTING_S = 0.2, 0.1, 0.025, 0.006
# A storm of many passes is expected for seconds, and not every moment of it so eagerly.
_BUSY_FOR_S, _LIVELY_FOR_S, _EAGER_FOR_S = 2.0, 60.0, 0.4


@dataclass(frozen=True, slots=True)
class Job:
    """A message that is due, and what is known of its incident."""

    message: Message
    incident: Incident
    row: IncidentRow
    card: Message | None
    postmortem: str


@dataclass(slots=True)
class Resting:
    """Messages that could not go a moment ago, for Slack's limits or for want of news: their incidents are not read.

    One that has changed meanwhile rests no more.
    """

    _until: dict[int, tuple[Message, float]] = field(default_factory=dict)

    def rest(self, message: Message, now: float) -> None:
        """Leave it alone for a moment."""
        if len(self._until) > _BATCH:
            self._until.clear()
        self._until[message.id] = message, now + REST_S

    def rests(self, message: Message, now: float) -> bool:
        """Whether it is as it was when it could not go, a moment ago."""
        known, until = self._until.get(message.id, (None, 0.0))
        return until - REST_S <= now < until and known == message

    def wake(self, incident: str) -> None:
        """What belongs to an incident may go now, since something of it went."""
        for number in [key for key, (message, _) in self._until.items() if message.incident == incident]:
            del self._until[number]


def jobs_due(tx: Transaction, now: float, resting: Resting | None = None) -> tuple[list[Job], bool]:
    """Every message that is due by `now` and whose incident can be read, and whether others are due.

    Each incident is read once; what is `resting` is left out.
    """
    read: dict[str, tuple[Incident | None, IncidentRow | None, Message | None]] = {}
    found: list[Job] = []
    due = tx.due_messages(now=now, limit=_BATCH)
    if resting is not None:
        due = [message for message in due if not resting.rests(message, now)]
    for message in due:
        about = message.incident
        if about not in read:
            card = message if message.kind is MessageKind.CARD else tx.message(about, MessageKind.CARD)
            read[about] = tx.incident(about), tx.incident_row(about), card
        incident, row, card = read[about]
        if incident is not None and row is not None:
            draft = tx.postmortem(about) if message.kind is MessageKind.POSTMORTEM else ""
            found.append(Job(message, incident, row, card, draft))
    return found, len(found) < len(due)


def company_of(tx: Transaction, job: Job, now: float) -> tuple[int, bool]:
    """How many messages of its incident were posted, and whether an older one of its thread must come first."""
    in_thread = job.message.kind not in (MessageKind.CARD, MessageKind.ANNOUNCEMENT)
    waits = in_thread and tx.waits_for_another(job.message, now=now)
    return tx.posted_count(job.incident.id), waits


def is_withdrawn(tx: Transaction, message: Message) -> bool:
    """Whether a card that nobody has seen is wanted no more: its incident was merged away while others were sent.

    To be asked in the transaction that places the message, which holds its row: so it stays.
    """
    if message.kind is not MessageKind.CARD:
        return False
    newest = tx.message(message.incident, MessageKind.CARD)
    return newest is None or newest.sent >= newest.wanted


class Look(StrEnum):
    """What a look at the outbox found; SOON once for each time at which a next message is due."""

    NOTHING = "nothing"
    SOON = "soon"
    DUE = "due"


@dataclass(slots=True)
class Bell:
    """When the outbox has something to do. The rows are asked only after a commit, or once the next message is due.

    `since_alerts_s` tells how long ago alerts came in. Whoever prepares a card that is due soon says so in `expecting`.
    """

    store: Store
    clock: Clock
    since_alerts_s: Callable[[], float]
    expecting: bool = False
    _began_at: float = 0.0
    _asked_for: float | None = None
    _glance: Callable[[], tuple[bool, float | None]] | None = None
    _next_at: float | None = None
    _due_at: float = 0.0

    def wait(self, stop: threading.Event) -> Look:
        """Glance until there is something to do, or alerts come in, or `stop` is set."""
        while not stop.wait(self.pause_s()):
            found = self.look()
            if found is not Look.NOTHING or self.busy():
                return found
        return Look.NOTHING

    def look(self) -> Look:
        """Whether a message is due now, or soon; raises Retryable when the database is away."""
        if self._glance is None:
            self._glance = self.store.next_message()
        changed, self._next_at = self._glance()
        left = self._left_s()
        if left is None or left > SOON_S:
            self.expecting = False
            return Look.NOTHING
        if left <= 0:
            self.expecting = False
            self._due_at = self.clock.now()
            return Look.DUE
        # The same message as before is worth no second look.
        news = changed and not self.expecting and self._next_at != self._asked_for
        self._asked_for = self._next_at
        if news:
            self._began_at = self.clock.now()
        return Look.SOON if news else Look.NOTHING

    def busy(self) -> bool:
        """Whether alerts came in just now, and nothing was due since, so that a card is about to be wanted."""
        ago = self.since_alerts_s()
        return ago < _BUSY_FOR_S and not 0 <= self.clock.now() - self._due_at < ago

    def pause_s(self) -> float:
        """How long to wait before the next look."""
        now = self.clock.now()
        if self.expecting and now - self._began_at < _EAGER_FOR_S:
            return EXPECTING_S
        if self.busy():
            return BUSY_S
        return LIVELY_S if 0 <= now - self._due_at < _LIVELY_FOR_S else IDLE_S

    def _left_s(self) -> float | None:
        return None if self._next_at is None else self._next_at - self.clock.now()
