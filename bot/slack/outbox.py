"""The outbox sender: turns due message rows into Slack posts and edits, within Slack's limits and our budget.

A post is written down as doubtful before it is sent, so that a crash or a lost answer is read back from Slack before
anything is posted again. Content is rendered at the moment of sending, so superseded states collapse.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial

import structlog

from bot.blocks.postmortem import actors_of
from bot.blocks.shape import Rendered
from bot.boundary import guarded
from bot.domain.errors import Permanent, Retryable, Undecided
from bot.domain.event import EventType, NewEvent
from bot.domain.records import REFUSED, IncidentRow, Message, MessageKind
from bot.ports import Chat, Clock, Store, Transaction
from bot.slack.due import SOON_S, Job, Resting, company_of, is_withdrawn, jobs_due
from bot.slack.homes import Spot, channel_name, furnish, place_of, spot_of, topic_of
from bot.slack.leading import RECENT_S, RENEW_S, Leading
from bot.slack.names import names_of
from bot.slack.pace import Pace
from bot.slack.rendering import Content, render
from bot.slack.shown import FIRST_EDIT_S, Shown, gist_of, said_by

_log = structlog.get_logger()

POST_CAP = 10
_ROOM_FOR_DECISIONS = 3
_OPTIONAL = (MessageKind.HYPOTHESIS, MessageKind.NOTICE)
_POINTERS = (MessageKind.ANNOUNCEMENT, MessageKind.MOVED)
_WAIT_FOR_CARD_S, _LONGEST_CARD_WAIT_S = 0.2, 30.0
_READ_BACK_S = 2.0
_STORM_S = 30.0  # What is pending for longer is no storm, but a correlator that is away.
_LONGEST_WAIT_S = 600.0
_NEVER_S = 365 * 86_400.0
# A message that cannot even be made is no reason to fill the log ten times a second.
_FAULTY_S, _NOT_MADE = 5.0, "it could not be made, see the log of web"
# Slack's word for a message that was there and is no more.
_GONE = "message_not_found"
_SEVERITY_HEAD_START_S = 5.0


@dataclass(slots=True)
class Outbox:
    """One sender; a lease keeps a second one quiet. `group` is the approver group, `group_id` its id for mentions.

    `others_due` says whether the last pass found messages that are not for it, `quiet_s` how long no alert came in.
    """

    store: Store
    chat: Chat
    clock: Clock
    alerts_channel: str
    group: str
    group_id: str
    holder: str
    pace: Pace = field(default_factory=Pace)
    others_due: bool = True
    quiet_s: Callable[[], float] = lambda: math.inf
    _lease: Leading = field(init=False)
    _shown: dict[int, Shown] = field(default_factory=dict)
    _topics: dict[str, str] = field(default_factory=dict)
    _reposted: set[int] = field(default_factory=set)
    _resting: Resting = field(default_factory=Resting)
    _no_news: dict[int, tuple[int, IncidentRow, str]] = field(default_factory=dict)
    _made: dict[str, str] = field(default_factory=dict)
    _ready: dict[int, tuple[int, Spot]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._lease = Leading(self.store, self.clock, self.holder)

    def send_due(self) -> int:
        """Send everything that is due; returns how many messages were posted or edited."""
        sent, carded = self._pass()
        if carded:  # What follows a card was read before the card had its place, or its news.
            sent += self._pass()[0]
        return sent

    def _pass(self) -> tuple[int, bool]:
        """One pass; how many messages were posted or edited, and whether a card was among them."""
        now = self.clock.now()
        if not self._lease.recently():
            due = self.store.read(lambda tx: tx.due_messages(now=now, limit=1))
            if not due or not self.lead():
                return 0, False
        # Read under the lease: the sender before us may have posted since; so may one between two of ours.
        epoch = self._lease.epoch
        jobs, self.others_due = self.store.read(lambda tx: jobs_due(tx, now, self._resting))
        jobs.sort(key=self._turn)
        sent = 0
        carded: set[str] = set()
        for job in jobs:
            if job.incident.id in carded:
                continue
            if not self._may_send(job) or self._lease.epoch != epoch:
                break
            done = guarded("outbox", partial(self._send, job))
            if done is None:
                again = self.clock.now() + _FAULTY_S
                guarded("outbox", partial(self._delay, job, again, _NOT_MADE))
            if not done:
                self._resting.rest(job.message, now)
                continue
            self._resting.wake(job.incident.id)
            carded |= {job.incident.id} if job.message.kind is MessageKind.CARD else set()
            sent += 1
        return sent, bool(carded)

    def prepare(self) -> bool:
        """Have the channel and the doubt of cards ready that are due in a moment; gives whether there are such cards."""
        now = self.clock.now()
        soon, _ = self.store.read(lambda tx: jobs_due(tx, now + SOON_S))
        cards = [job for job in soon if job.message.kind is MessageKind.CARD and not job.message.ts]
        if cards and self.lead(RECENT_S):
            for job in cards:
                guarded("prepare", partial(self._make_ready, job))
        return bool(cards)

    def _make_ready(self, job: Job) -> None:
        """Only where the place is the incident's own: another one may change with its severity until the card is due."""
        spot = self._spot(job)
        if spot is not None and job.incident.channel_wanted and not job.message.in_doubt:
            self._doubted(job, spot)

    def lead(self, within_s: float = RENEW_S) -> bool:
        """Whether this sender leads; asked of the database unless that was done within so many seconds."""
        return self._lease.lead(within_s)

    def _may_send(self, job: Job) -> bool:
        """A message that is new to Slack renews the lease itself, right before it is posted."""
        new = not job.message.ts and (not job.message.in_doubt or self._unsent(job.message))
        return self.lead(RECENT_S if new else RENEW_S)

    def _turn(self, job: Job) -> tuple[int, float, int]:
        """Cards first, then other new messages, then decisions, then whatever was shown longest ago."""
        if not job.message.ts:
            return (
                (0 if job.message.kind is MessageKind.CARD else 1),
                float(job.incident.severity),
                job.message.id,
            )
        if job.message.kind is MessageKind.PROPOSAL:
            return 2, float(job.incident.severity), job.message.id
        shown = self._shown.get(job.message.id)
        waited = (shown.at if shown else 0.0) + _SEVERITY_HEAD_START_S * job.incident.severity
        return 3, waited, job.message.id

    def _send(self, job: Job) -> bool:
        try:
            return self._edit(job) if job.message.ts else self._post(job)
        except Retryable as error:
            self._delay(job, self.clock.now() + error.delay_s, str(error))
        except Undecided as error:
            self._delay(job, self.clock.now() + _READ_BACK_S, str(error))
        except Permanent as error:
            if _GONE in str(error) and self._forgotten(job):
                return False
            wait = min(_LONGEST_WAIT_S, 15.0 * 2**job.message.attempts)
            kind = job.message.kind.value
            _log.error("message_refused", incident=job.incident.id, kind=kind, reason=str(error))
            self._delay(job, self.clock.now() + wait, f"{REFUSED}{error}")
        return False

    def _forgotten(self, job: Job) -> bool:
        """What somebody deleted in Slack is posted again, once: an incident whose card is gone would be invisible."""
        message = job.message
        if not message.ts or message.id in self._reposted:
            return False
        now = self.clock.now()
        self.store.transact(lambda tx: tx.sent_message(message.id, ts="", revision=0, next_at=now, now=now))
        self._reposted.add(message.id)
        self._topics.pop(job.incident.id, None)
        _log.warning("message_deleted", incident=job.incident.id, kind=message.kind.value)
        return True

    def _post(self, job: Job) -> bool:
        now = self.clock.now()
        cap = POST_CAP - (_ROOM_FOR_DECISIONS if job.message.kind in _OPTIONAL else 0)
        posted, waits = self.store.read(lambda tx: company_of(tx, job, now))
        if posted >= cap:
            self._delay(job, now + _NEVER_S, f"the incident has its {cap} posts")
            return False
        spot = self._spot(job)
        if spot is None:
            wait = min(_LONGEST_CARD_WAIT_S, _WAIT_FOR_CARD_S * 2 ** min(job.message.attempts, 10))
            self._delay(job, now + wait, "waits for the card or the channel")
            return False
        if waits:
            return False  # It stays due, and is looked at again in a moment.
        if not self.pace.take("chat.postMessage", now, channel=spot.channel):
            return False
        found = self._read_back(job)
        if found is not None:
            self._confirm(
                job, found, Spot(job.message.channel, job.message.thread_ts), revision=job.message.sent
            )
            return True
        if job.message.kind is MessageKind.MOVED:
            self._delay(job, now + _NEVER_S, "it was never posted in the place that the incident left")
            return False
        content = self._render(job)
        if self._ready.get(job.message.id) != (self._lease.epoch, spot) and not self._doubted(job, spot):
            return False
        self._ready.pop(job.message.id, None)
        post = partial(
            self.chat.post,
            channel=spot.channel,
            thread_ts=spot.thread_ts,
            text=content.text,
            blocks=content.blocks,
            dedupe=self._dedupe(job.message),
        )
        ts = self.pace.calling("chat.postMessage", self.clock, post)
        self._confirm(job, ts, spot, revision=job.message.wanted)
        self._remember(job, content, edited=False)
        return True

    def _unsent(self, message: Message) -> bool:
        """Whether the doubt was written down ahead of time, by us, and nobody has sent anything since."""
        ready = self._ready.get(message.id)
        return ready is not None and ready[0] == self._lease.epoch

    def _doubted(self, job: Job, spot: Spot) -> bool:
        kept = self.store.transact(lambda tx: self._about_to_post(tx, job, spot))
        self._lease.renewed(kept=kept)
        if kept:
            self._ready[job.message.id] = self._lease.epoch, spot
        return kept

    def _about_to_post(self, tx: Transaction, job: Job, spot: Spot) -> bool:
        """Write the doubt down, unless another sender leads by now or the incident has moved since it was looked at."""
        newest, message = tx.incident(job.incident.id), job.message
        moved = newest is not None and newest.channel_wanted is not job.incident.channel_wanted
        if moved or not self._lease.still(tx):
            return False
        tx.place_message(message.id, channel=spot.channel, thread_ts=spot.thread_ts)
        if is_withdrawn(tx, message):
            return False
        if message.kind is MessageKind.CARD and job.incident.channel_wanted and not job.row.channel:
            tx.set_place(job.incident.id, channel=spot.channel, thread_ts="")
        tx.doubt_message(message.id)
        return True

    def _spot(self, job: Job) -> Spot | None:
        """Where the message goes; makes the incident's channel when the card asks for it, or finds it again.

        Where that is is written down together with the doubt about the card.
        """
        card = job.message.kind is MessageKind.CARD
        if card and job.incident.channel_wanted and not job.row.channel:
            channel = self._made.get(job.incident.id, "")
            if not channel and self.pace.take("conversations.create", self.clock.now()):
                make = partial(self.chat.create_channel, name=channel_name(job.incident))
                channel = self._made[job.incident.id] = self.pace.calling(
                    "conversations.create", self.clock, make
                )
            return Spot(channel) if channel else None
        return spot_of(job.message.kind, job.incident, job.row, job.card, self.alerts_channel)

    def _read_back(self, job: Job) -> str | None:
        """After an unknown outcome: the ts under which Slack has the message already."""
        message = job.message
        if not message.in_doubt or not message.channel or self._unsent(message):
            return None
        if not self.pace.take("conversations.history", self.clock.now()):
            reason = "waiting to read back"
            raise Retryable(reason, delay_s=1.0)
        find = partial(
            self.chat.find_post,
            channel=message.channel,
            thread_ts=message.thread_ts,
            dedupe=self._dedupe(message),
        )
        return self.pace.calling("conversations.history", self.clock, find)

    def _confirm(self, job: Job, ts: str, spot: Spot, *, revision: int) -> None:
        """Slack has it: place, log and row in one transaction."""
        now = self.clock.now()
        card = job.message.kind is MessageKind.CARD
        body = {"kind": job.message.kind.value, "channel": spot.channel, "ts": ts}

        def work(tx: Transaction) -> None:
            if card and not (tx.incident(job.incident.id) or job.incident).channel_wanted:
                tx.set_place(job.incident.id, channel=spot.channel, thread_ts=ts)
            tx.append(job.incident.id, [NewEvent(EventType.MESSAGE_POSTED, body)], at_ms=round(now * 1000))
            tx.sent_message(job.message.id, ts=ts, revision=revision, next_at=now + FIRST_EDIT_S, now=now)

        self.store.transact(work)
        if card:
            self._made.pop(job.incident.id, None)
            self._furnish(job, spot.channel, ts, now)

    def _edit(self, job: Job) -> bool:
        now, message = self.clock.now(), job.message
        if message.kind in _POINTERS and self._spot(job) is None:
            self._delay(job, now + _WAIT_FOR_CARD_S, "waits for the place that it points to")
            return False
        decision, state = message.kind is MessageKind.PROPOSAL, (job.incident.seq, job.row, message.text)
        if self._no_news.get(message.id) == state and not self._due_again(job, now):
            return False  # It was rendered in this state, and only its counters had changed.
        content = self._render(job)
        if self._stands(job, content, now):
            return False
        news = self._news(job, content)
        if not decision and not news and not self._due_again(job, now):
            self._no_news[message.id] = state
            return False
        if not self.pace.take("chat.update", now, urgent=decision):
            return False
        edit = partial(
            self.chat.update, channel=message.channel, ts=message.ts, text=content.text, blocks=content.blocks
        )
        self._unsure(message)
        return self._edited(job, content, edit, news=news)

    def _edited(self, job: Job, content: Rendered, edit: Callable[[], None], *, news: bool) -> bool:
        now, message, decision = self.clock.now(), job.message, job.message.kind is MessageKind.PROPOSAL
        self.pace.calling("chat.update", self.clock, edit)
        next_at = self.clock.now() + (0.0 if decision else FIRST_EDIT_S)

        def work(tx: Transaction) -> None:
            tx.sent_message(message.id, ts=message.ts, revision=message.wanted, next_at=next_at, now=now)
            if news and message.kind is MessageKind.CARD and job.incident.channel_wanted:
                tx.want_message(job.incident.id, MessageKind.ANNOUNCEMENT, now=now)

        self.store.transact(work)
        shown = self._shown.get(message.id)
        early = shown is not None and not news and shown.early(now, message.first_posted_at)
        self._remember(job, content, edited=True, hastened=(shown.hastened if shown else 0) + early)
        if message.kind is MessageKind.CARD:
            self._furnish(job, message.channel, message.ts, now)
        return True

    def _stands(self, job: Job, content: Rendered, now: float) -> bool:
        """Whether the message says exactly this already, so that an edit would change nothing; then it is settled."""
        message = job.message
        shown = self._shown.get(message.id)
        if shown is None or shown.said != said_by(content):
            return False
        self.store.transact(
            lambda tx: tx.sent_message(
                message.id, ts=message.ts, revision=message.wanted, next_at=now, now=now
            )
        )
        if message.kind is MessageKind.CARD:
            self._furnish(job, message.channel, message.ts, now)
        return True

    def _unsure(self, message: Message) -> None:
        """Until Slack has answered, the message may say the old or the new."""
        shown = self._shown.get(message.id)
        if shown is not None:
            self._shown[message.id] = replace(shown, said="")

    def _news(self, job: Job, content: Rendered) -> bool:
        """Whether headline, state, verdict or a plan changed; such an edit waits for nothing but Slack's limits."""
        shown = self._shown.get(job.message.id)
        return shown is None or shown.gist != gist_of(job.incident, content)

    def _due_again(self, job: Job, now: float) -> bool:
        """Whether a mere counter may be shown again: 3 s after the last edit, later 10 s, or when a storm has ended."""
        shown = self._shown[job.message.id]
        return shown.ripe(now, job.message.first_posted_at, self._quiet_s)

    def _quiet_s(self) -> float:
        """How long no alert came in; 0 while some that came wait to be folded in."""
        ago = self.quiet_s()
        waits = ago < _STORM_S and self.store.read(lambda tx: tx.oldest_pending_raw()) is not None
        return 0.0 if waits else ago

    def _remember(self, job: Job, content: Rendered, *, edited: bool, hastened: int = 0) -> None:
        gist, said = gist_of(job.incident, content), said_by(content)
        self._shown[job.message.id] = Shown(gist, self.clock.now(), edited, said, hastened)
        self._no_news.pop(job.message.id, None)

    def _furnish(self, job: Job, channel: str, card_ts: str, now: float) -> None:
        """Pin, topic and people of an own channel; again when the topic is out of date or this process is new."""
        incident, topic = job.incident, topic_of(job.incident)
        if not incident.channel_wanted or self._topics.get(incident.id) == topic:
            return
        if self.pace.take("conversations.setTopic", now):
            self._topics[incident.id] = topic
            work = partial(furnish, self.chat, incident, channel=channel, card_ts=card_ts, group=self.group)
            guarded("furnish", work)

    def _render(self, job: Job) -> Rendered:
        row = job.row if job.row.channel else replace(job.row, channel=job.message.channel)
        place = place_of(job.incident, row, self.group_id)
        names = names_of(self.chat, actors_of(job.incident)) if job.postmortem else {}
        return render(job.message.kind, Content(job.incident, place, job.message.text, job.postmortem, names))

    def _delay(self, job: Job, until: float, reason: str) -> None:
        self.store.transact(lambda tx: tx.delay_message(job.message.id, next_at=until, reason=reason))

    def _dedupe(self, message: Message) -> str:
        return f"{self.store.tenant}:{message.incident}:{message.id}"
