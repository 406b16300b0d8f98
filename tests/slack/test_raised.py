"""A small incident that turns bad moves into a channel of its own: once, and whole, whatever dies on the way."""

from collections.abc import Callable

import pytest

from bot.adapters.chat.memory import Posted
from bot.adapters.store.sql import SqlStore
from bot.domain.errors import Undecided
from bot.domain.event import EventType
from bot.domain.incident import Severity
from bot.domain.records import MessageKind
from bot.pipeline.grade import grade
from bot.pipeline.resolve import resolve
from bot.slack.outbox import Outbox
from tests.slack.clock import HandClock
from tests.slack.desk import Desk
from tests.slack.test_outbox import TroubledChat, declare, sender, want


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def chat(clock: HandClock) -> TroubledChat:
    return TroubledChat(clock, groups={"oncall": ("U0ONCALL1", "U0ONCALL2")})


def rise(store: SqlStore, clock: HandClock, incident: str, severity: Severity = Severity.SEV2) -> None:
    why = "critical alerts on 4 services"
    store.transact(lambda tx: grade(tx, incident, severity, reason=why, now=clock.now()))
    want(store, clock, incident, MessageKind.CARD)


def drain(outbox: Outbox, clock: HandClock, seconds: float = 30) -> None:
    """Time goes by in long strides, since nothing here is about its course."""
    for _ in range(int(seconds)):
        outbox.send_due()
        clock.forward(1.0)


def words(post: Posted) -> str:
    return str(post.blocks)


def in_its_channel(chat: TroubledChat) -> tuple[str, list[Posted]]:
    """The one channel that was made, and what stands in it."""
    (own,) = [channel for channel, name in chat.channels.items() if name.startswith("inc-")]
    return own, [post for post in chat.posts if post.channel == own]


def test_it_gets_its_channel_with_the_card_first_and_leaves_one_line(
    store: SqlStore, chat: TroubledChat, clock: HandClock
) -> None:
    outbox = sender(store, chat, clock, "web-1")
    incident = declare(store, clock)
    want(store, clock, incident, MessageKind.EVIDENCE, MessageKind.PROPOSAL)
    drain(outbox, clock)
    old = chat.posts[0]
    for severity in (Severity.SEV2, Severity.SEV1, Severity.SEV4, Severity.SEV2):
        rise(store, clock, incident, severity)
        drain(outbox, clock)
    own, moved = in_its_channel(chat)
    assert [("What caused it?" in words(post), post.thread_ts) for post in moved[:1]] == [(True, "")]
    assert "Raised to SEV2: critical alerts on 4 services" in words(moved[0])
    assert {post.thread_ts for post in moved[1:]} == {"", moved[0].ts}, (
        "evidence below the card, proposal beside it"
    )
    assert len(moved) == 3
    left = [post for post in chat.posts if post.channel == "C0ALERTS"]
    assert len(left) == 3, "nothing more was posted there"
    assert f"<#{own}>" in words(old)
    assert "What caused it?" not in words(old)
    assert all(f"goes on in <#{own}>" in words(post) for post in left[1:])
    assert chat.topics[own] == "SEV2 | Investigating | INC-1"
    assert len(chat.posts) == 6
    for place in ((own, ""), (own, moved[0].ts), ("C0ALERTS", old.ts)):
        row = store.read(lambda tx, place=place: tx.incident_at(*place))  # type: ignore[misc]
        assert row is not None, place
        assert row.id == incident
    store.transact(lambda tx: resolve(tx, incident, reason="over", by="U0ONCALL1", now=clock.now()))
    drain(outbox, clock)
    assert "Resolved" in words(old)


def test_one_that_nobody_has_seen_yet_begins_there(
    store: SqlStore, chat: TroubledChat, clock: HandClock
) -> None:
    incident = declare(store, clock)
    rise(store, clock, incident)
    drain(sender(store, chat, clock, "web-1"), clock)
    own, posts = in_its_channel(chat)
    (line,) = [post for post in chat.posts if post.channel == "C0ALERTS"]
    assert len(posts) == 1
    assert f"<#{own}>" in words(line)


class Killed(BaseException):
    """The process ends here, whatever it was about to do."""


class Mortal(TroubledChat):
    """A workspace whose n-th writing call is the last thing that a process does, done or not."""

    left = 0
    done = False

    def _dies(self) -> None:
        self.left -= 1
        if self.left == 0:
            raise Killed

    def post(self, **given: object) -> str:
        if self.left == 1 and not self.done:
            self._dies()
        ts = super().post(**given)
        self._dies()
        return ts

    def create_channel(self, *, name: str) -> str:
        if self.left == 1 and not self.done:
            self._dies()
        channel = super().create_channel(name=name)
        self._dies()
        return channel

    def update(self, **given: object) -> None:
        if self.left == 1 and not self.done:
            self._dies()
        super().update(**given)
        self._dies()


@pytest.mark.parametrize(
    ("dies_at", "done", "posted"),
    [
        (1, True, True),
        (1, False, True),
        (2, True, True),
        (2, False, True),
        (3, True, True),
        (4, False, True),
        (1, True, False),
    ],
)
def test_a_kill_on_the_way_loses_and_doubles_nothing(
    store: SqlStore, clock: HandClock, dies_at: int, done: bool, posted: bool
) -> None:
    chat = Mortal(clock, groups={"oncall": ("U0ONCALL1",)})
    incident = declare(store, clock)
    want(store, clock, incident, MessageKind.EVIDENCE)
    if posted:
        drain(sender(store, chat, clock, "web-1"), clock, 3)
    rise(store, clock, incident)
    chat.left, chat.done = dies_at, done
    try:
        drain(sender(store, chat, clock, "web-2"), clock, 9)
    except Killed:
        clock.forward(15)
    chat.left = 0
    drain(sender(store, chat, clock, "web-3"), clock)
    own, posts = in_its_channel(chat)
    assert ["What caused it?" in words(post) for post in posts] == [True, False]
    left = [post for post in chat.posts if post.channel == "C0ALERTS"]
    assert len(left) == (2 if posted else 1)
    assert all(f"<#{own}>" in words(post) for post in left)


def test_a_card_on_its_way_becomes_the_line(store: SqlStore, chat: TroubledChat, clock: HandClock) -> None:
    """Slack has taken the card, but its answer was lost; the incident is raised before anybody asked again."""
    incident = declare(store, clock)
    chat.troubles = (("post", Undecided("no answer"), True),)
    sender(store, chat, clock, "web-1").send_due()
    rise(store, clock, incident)
    clock.forward(15)
    drain(sender(store, chat, clock, "web-2"), clock)
    own, posts = in_its_channel(chat)
    assert len(posts) == 1
    (line,) = [post for post in chat.posts if post.channel == "C0ALERTS"]
    assert f"<#{own}>" in words(line)
    posted = [
        one for one in store.read(lambda tx: tx.events(incident)) if one.type is EventType.MESSAGE_POSTED
    ]
    assert len(posted) == 2


class Meanwhile(TroubledChat):
    """A workspace in which something else happens between two calls of the sender."""

    meanwhile: Callable[[], object] | None = None

    def post(self, **given: object) -> str:
        if self.meanwhile is not None:
            happens, self.meanwhile = self.meanwhile, None
            happens()
        return super().post(**given)


def test_raised_while_the_card_is_being_posted(store: SqlStore, clock: HandClock) -> None:
    chat = Meanwhile(clock, groups={"oncall": ("U0ONCALL1",)})
    incident = declare(store, clock)
    chat.meanwhile = lambda: rise(store, clock, incident)
    drain(sender(store, chat, clock, "web-1"), clock)
    own, posts = in_its_channel(chat)
    assert len(posts) == 1
    (line,) = [post for post in chat.posts if post.channel == "C0ALERTS"]
    assert f"<#{own}>" in words(line)
    row = store.read(lambda tx: tx.incident_row(incident))
    assert row is not None
    assert row.channel == own


async def test_what_was_offered_is_decided_in_the_new_place_only(desk: Desk) -> None:
    desk.declare()
    desk.propose()
    old = desk.post("proposal")
    stale = desk.click_body("U0ONCALL1", old, "approve")
    desk.store.transact(lambda tx: grade(tx, "inc-1", Severity.SEV1, reason="wide", now=desk.clock.now()))
    desk.send()
    await desk.dispatch(stale)
    await desk.click("U0ONCALL1", desk.post("proposal"), "approve")
    assert desk.post("proposal").channel != old.channel
    assert len(desk.events(EventType.APPROVAL_GRANTED)) == 1
    refused = desk.events(EventType.APPROVAL_REFUSED)
    assert [event.body["rule"] for event in refused] == ["card_mismatch"]
