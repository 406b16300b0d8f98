"""The outbox: order, places, coalescing, budget, read-back and restarts, on the real store."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from bot.adapters.chat.memory import MemoryChat
from bot.adapters.store.sql import SqlStore
from bot.domain.errors import Permanent, Retryable, Undecided
from bot.domain.event import EventType, NewEvent
from bot.domain.incident import IncidentState, Severity
from bot.domain.records import MessageKind
from bot.pipeline.declare import declare_by_hand
from bot.ports import Transaction
from bot.slack.outbox import Outbox
from tests.slack.clock import HandClock


@dataclass
class TroubledChat(MemoryChat):
    """A workspace whose next calls fail as told: (method, error, whether it happened all the same)."""

    troubles: tuple[tuple[str, BaseException, bool], ...] = ()
    calls: int = 0

    def _trouble(self, method: str) -> tuple[BaseException, bool] | None:
        if self.troubles and self.troubles[0][0] == method:
            _, error, happened = self.troubles[0]
            self.troubles = self.troubles[1:]
            return error, happened
        return None

    def post(self, **given: Any) -> str:
        self.calls += 1
        trouble = self._trouble("post")
        if trouble is None:
            return super().post(**given)
        error, happened = trouble
        if happened:
            super().post(**given)
        raise error

    def update(self, **given: Any) -> None:
        self.calls += 1
        trouble = self._trouble("update")
        if trouble is not None:
            raise trouble[0]
        super().update(**given)


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def chat(clock: HandClock) -> TroubledChat:
    return TroubledChat(clock, groups={"oncall": ("U0ONCALL1", "U0ONCALL2")})


@pytest.fixture
def outbox(store: SqlStore, chat: TroubledChat, clock: HandClock) -> Outbox:
    return sender(store, chat, clock, "web-1")


def sender(store: SqlStore, chat: TroubledChat, clock: HandClock, holder: str) -> Outbox:
    return Outbox(store, chat, clock, "C0ALERTS", "oncall", "S0ONCALL", holder)


def declare(store: SqlStore, clock: HandClock, severity: Severity = Severity.SEV3, name: str = "i1") -> str:
    def work(tx: Transaction) -> str:
        return declare_by_hand(
            tx,
            incident=name,
            title="Checkout is <down> & out",
            severity=severity,
            by="U0ONCALL1",
            now=clock.now(),
            observe_only=False,
        ).incident

    return store.transact(work)


def want(store: SqlStore, clock: HandClock, incident: str, *kinds: MessageKind) -> None:
    for kind in kinds:
        store.transact(lambda tx, kind=kind: tx.want_message(incident, kind, now=clock.now()))  # type: ignore[misc]


def note(store: SqlStore, clock: HandClock, incident: str) -> None:
    event = NewEvent(EventType.NOTE_ADDED, {"by": "U0ONCALL1", "text": "looking"})
    store.transact(lambda tx: tx.append(incident, [event], at_ms=round(clock.now() * 1000)))
    want(store, clock, incident, MessageKind.CARD)


def change_state(store: SqlStore, clock: HandClock, incident: str, state: IncidentState) -> None:
    event = NewEvent(EventType.STATUS_CHANGED, {"to": state.value, "reason": "test", "by": ""})
    store.transact(lambda tx: tx.append(incident, [event], at_ms=round(clock.now() * 1000)))
    want(store, clock, incident, MessageKind.CARD)


def drain(outbox: Outbox, clock: HandClock, seconds: float = 30) -> int:
    sent = 0
    for _ in range(int(seconds * 10)):
        sent += outbox.send_due()
        clock.forward(0.1)
    return sent


def test_a_small_incident_lives_in_a_thread(
    store: SqlStore, chat: TroubledChat, clock: HandClock, outbox: Outbox
) -> None:
    incident = declare(store, clock)
    want(store, clock, incident, MessageKind.EVIDENCE, MessageKind.PROPOSAL)
    drain(outbox, clock)
    card, *others = chat.posts
    assert card.thread_ts == ""
    assert card.channel == "C0ALERTS"
    assert [(post.channel, post.thread_ts) for post in others] == [("C0ALERTS", card.ts)] * 2
    row = store.read(lambda tx: tx.incident_at("C0ALERTS", card.ts))
    assert row is not None
    assert row.id == incident
    posted = [e for e in store.read(lambda tx: tx.events(incident)) if e.type is EventType.MESSAGE_POSTED]
    assert [event.body["kind"] for event in posted] == ["card", "evidence", "proposal"]


def test_a_bad_incident_gets_a_channel_with_the_card_first_and_one_line_in_alerts(
    store: SqlStore, chat: TroubledChat, clock: HandClock, outbox: Outbox
) -> None:
    incident = declare(store, clock, Severity.SEV1)
    want(store, clock, incident, MessageKind.PROPOSAL, MessageKind.EVIDENCE)
    drain(outbox, clock)
    own = next(channel for channel, name in chat.channels.items() if name == "inc-1-checkout-is-down-out")
    in_own = [post for post in chat.posts if post.channel == own]
    assert "INC-1" in in_own[0].blocks[0]["text"]["text"]
    assert chat.pins == {(own, in_own[0].ts)}
    assert chat.members[own] == {"U0ONCALL1", "U0ONCALL2"}
    assert chat.topics[own] == "SEV1 | Investigating | INC-1"
    (line,) = [post for post in chat.posts if post.channel == "C0ALERTS"]
    assert f"<#{own}>" in line.blocks[0]["text"]["text"]
    assert {post.thread_ts for post in in_own[1:]} == {"", in_own[0].ts}


def test_counters_coalesce_and_news_does_not(
    store: SqlStore, chat: TroubledChat, clock: HandClock, outbox: Outbox
) -> None:
    incident = declare(store, clock)
    outbox.send_due()
    for _ in range(200):
        note(store, clock, incident)
        outbox.send_due()
        clock.forward(0.1)
    edits = chat.posts[0].edits
    assert 4 <= edits <= 6, "after 1, 4, 7, 10 and 20 seconds"
    change_state(store, clock, incident, IncidentState.IDENTIFIED)
    clock.forward(1)
    outbox.send_due()
    assert chat.posts[0].edits == edits + 1
    assert "Identified" in str(chat.posts[0].blocks)


def test_the_last_state_is_always_shown(
    store: SqlStore, chat: TroubledChat, clock: HandClock, outbox: Outbox
) -> None:
    incident = declare(store, clock)
    outbox.send_due()
    for _ in range(50):
        note(store, clock, incident)
    drain(outbox, clock)
    message = store.read(lambda tx: tx.message(incident, MessageKind.CARD))
    assert message is not None
    assert message.sent == message.wanted
    assert chat.posts[0].edits <= 2


def test_an_edit_that_would_change_nothing_is_not_made(
    store: SqlStore, chat: TroubledChat, clock: HandClock, outbox: Outbox
) -> None:
    incident = declare(store, clock)
    want(store, clock, incident, MessageKind.EVIDENCE)
    drain(outbox, clock)
    before = chat.calls
    for _ in range(3):
        want(store, clock, incident, MessageKind.EVIDENCE)
        drain(outbox, clock, seconds=15)
    message = store.read(lambda tx: tx.message(incident, MessageKind.EVIDENCE))
    assert message is not None
    assert message.sent == message.wanted, "it is settled"
    assert chat.calls == before


def test_after_an_edit_of_unknown_outcome_the_old_words_are_sent_again(
    store: SqlStore, chat: TroubledChat, clock: HandClock, outbox: Outbox
) -> None:
    incident = declare(store, clock)
    drain(outbox, clock)
    chat.troubles = (("update", Retryable("no answer"), True),)
    change_state(store, clock, incident, IncidentState.IDENTIFIED)
    outbox.send_due()
    change_state(store, clock, incident, IncidentState.INVESTIGATING)
    before = chat.calls
    drain(outbox, clock)
    assert chat.calls == before + 1


def test_no_more_than_ten_posts(
    store: SqlStore, chat: TroubledChat, clock: HandClock, outbox: Outbox
) -> None:
    incident = declare(store, clock)
    for at in range(30):
        store.transact(
            lambda tx, at=at: tx.want_message(  # type: ignore[misc]
                incident, MessageKind.NOTICE, key=str(at), text="n", now=clock.now()
            )
        )
    drain(outbox, clock, 60)
    assert len(chat.posts) == 7, "three posts are kept for decisions"
    want(store, clock, incident, MessageKind.EVIDENCE, MessageKind.PROPOSAL, MessageKind.RESOLVED)
    want(store, clock, incident, MessageKind.POSTMORTEM)
    drain(outbox, clock, 60)
    assert len(chat.posts) == 10


@pytest.mark.parametrize("happened", [True, False])
def test_an_unknown_outcome_is_read_back(
    store: SqlStore, chat: TroubledChat, clock: HandClock, outbox: Outbox, happened: bool
) -> None:
    chat.troubles = (("post", Undecided("no answer"), happened),)
    incident = declare(store, clock)
    drain(outbox, clock)
    assert len(chat.posts) == 1
    message = store.read(lambda tx: tx.message(incident, MessageKind.CARD))
    assert message is not None
    assert (message.ts, message.sent) == (chat.posts[0].ts, message.wanted)


def test_a_crash_between_post_and_commit_posts_nothing_twice(
    store: SqlStore, chat: TroubledChat, clock: HandClock, outbox: Outbox
) -> None:
    chat.troubles = (("post", KeyboardInterrupt(), True),)
    declare(store, clock)
    with pytest.raises(KeyboardInterrupt):
        outbox.send_due()
    assert len(chat.posts) == 1
    clock.forward(11)
    drain(sender(store, chat, clock, "web-2"), clock)
    assert len(chat.posts) == 1


def test_retry_after_holds_only_its_method(
    store: SqlStore, chat: TroubledChat, clock: HandClock, outbox: Outbox
) -> None:
    first = declare(store, clock)
    outbox.send_due()
    chat.troubles = (("update", Retryable("wait", delay_s=20.0), False),)
    note(store, clock, first)
    clock.forward(1)
    outbox.send_due()
    before = chat.calls
    declare(store, clock, name="i2")
    drain(outbox, clock, 19)
    assert chat.calls == before + 1, "the new card went out, the edit waited"
    drain(outbox, clock, 3)
    assert chat.posts[0].edits == 1


def test_a_refused_message_waits_and_stops_nobody(
    store: SqlStore, chat: TroubledChat, clock: HandClock, outbox: Outbox
) -> None:
    chat.troubles = (("post", Permanent("not_in_channel"), False),)
    declare(store, clock)
    declare(store, clock, name="i2")
    outbox.send_due()
    assert len(chat.posts) == 1
    drain(outbox, clock, 20)
    assert len(chat.posts) == 2


def test_a_second_sender_is_quiet_until_the_lease_ends(
    store: SqlStore, chat: TroubledChat, clock: HandClock, outbox: Outbox
) -> None:
    declare(store, clock)
    assert outbox.send_due() == 1
    other = sender(store, chat, clock, "web-2")
    declare(store, clock, name="i2")
    assert other.send_due() == 0
    clock.forward(11)
    assert other.send_due() == 1


def test_a_storm_of_incidents_stays_under_slacks_limits(
    store: SqlStore, chat: TroubledChat, clock: HandClock, outbox: Outbox
) -> None:
    names = [declare(store, clock, name=f"i{at}") for at in range(20)]
    began, updates = clock.now(), 0
    for _ in range(300):
        for name in names[::5]:
            note(store, clock, name)
        before = sum(post.edits for post in chat.posts)
        outbox.send_due()
        updates += sum(post.edits for post in chat.posts) - before
        clock.forward(0.2)
    assert len(chat.posts) == 20
    assert updates <= 45 * (clock.now() - began) / 60 + 8
    assert min(post.edits for post in chat.posts if post.edits) >= 4, "every busy incident has its share"


def test_a_failing_renderer_never_loses_a_message() -> None:
    from bot.blocks.shape import Place
    from bot.slack import rendering
    from tests.unit.blocks import samples

    content = rendering.Content(samples.FOUND, Place(), postmortem="x" * 100)
    seen: Sequence[Callable[..., Any]] = list(rendering._RENDERERS.values())
    kinds = [kind for kind in MessageKind if kind is not MessageKind.ORDER]  # `order_posts` draws that one.
    assert len(seen) == len(kinds)
    for kind in kinds:
        assert rendering.render(kind, content).text


class HangingChat(TroubledChat):
    """After its first post the answer takes so long that another sender leads and works meanwhile."""

    def __init__(self, clock: HandClock) -> None:
        super().__init__(clock, groups={"oncall": ("U0ONCALL1",)})
        self.meanwhile: Callable[[], object] | None = None

    def post(self, **given: Any) -> str:
        ts = super().post(**given)
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            meanwhile()
        return ts


def test_a_sender_that_lost_its_lease_in_the_middle_of_a_pass_posts_nothing_more(
    store: SqlStore, clock: HandClock
) -> None:
    chat = HangingChat(clock)
    first, second = sender(store, chat, clock, "web-1"), sender(store, chat, clock, "web-2")
    for number in range(4):
        declare(store, clock, name=f"i{number}")

    def meanwhile() -> None:
        for _ in range(30):
            clock.forward(2.0)
            second.send_due()

    chat.meanwhile = meanwhile
    first.send_due()
    assert len(chat.posts) == 4
    assert len({post.dedupe for post in chat.posts}) == 4


def test_messages_that_wait_for_a_card_do_not_hide_a_new_card(
    store: SqlStore, clock: HandClock, chat: TroubledChat, outbox: Outbox
) -> None:
    stuck = declare(store, clock, name="stuck")
    chat.troubles = (("post", Permanent("chat.postMessage: channel_not_found"), False),)
    outbox.send_due()

    def want(tx: Transaction) -> None:
        for number in range(600):
            tx.want_message(stuck, MessageKind.NOTICE, key=str(number), text="waits", now=clock.now())

    store.transact(want)
    outbox.send_due()
    fresh = declare(store, clock, name="fresh")
    outbox.send_due()
    card = store.read(lambda tx: tx.message(fresh, MessageKind.CARD))
    assert card is not None
    assert card.ts


def test_an_unforeseen_fault_is_not_repeated_ten_times_a_second(
    store: SqlStore, chat: TroubledChat, clock: HandClock, outbox: Outbox
) -> None:
    chat.troubles = (("post", ZeroDivisionError(), False),) * 3
    declare(store, clock)
    drain(outbox, clock, 4)
    assert chat.calls == 1
    drain(outbox, clock)
    assert len(chat.posts) == 1


def test_a_card_that_somebody_deleted_is_posted_again_once(
    store: SqlStore, chat: TroubledChat, clock: HandClock, outbox: Outbox
) -> None:
    incident = declare(store, clock)
    drain(outbox, clock, 2)
    for _ in range(2):
        chat.troubles = (("update", Permanent("chat.update: message_not_found"), False),)
        note(store, clock, incident)
        drain(outbox, clock, 20)
    assert len(chat.posts) == 2
    row = store.read(lambda tx: tx.incident_row(incident))
    assert row is not None
    assert row.thread_ts == chat.posts[1].ts
