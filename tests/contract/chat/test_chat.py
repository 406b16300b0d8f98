"""One suite for the Chat port: the shipped fake and the Slack adapter against the strict double keep the same promises."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from bot.adapters.chat.memory import MemoryChat
from bot.adapters.chat.slack import SlackChat, web_client
from bot.blocks import card, modals
from bot.blocks.ids import ModalPlace
from bot.blocks.shape import Place
from bot.domain.errors import Permanent
from bot.domain.identity import ours_alone
from bot.ports import Chat
from tests.double.conftest import Running, start
from tests.unit.blocks import samples


@dataclass
class FixedClock:
    """A clock that a test moves."""

    at: float = 1_790_000_000.0

    def now(self) -> float:
        return self.at


@dataclass
class Workspace:
    """A chat with ways to look at what it did."""

    chat: Chat
    texts: Callable[[str], list[str]]
    topic: Callable[[str], str]
    pins: Callable[[str], list[str]]
    whispers: Callable[[], list[str]]


@pytest.fixture(scope="module")
def double() -> Iterator[Running]:
    running = start()
    yield running
    running.stop()


def slack_workspace(double: Running) -> Workspace:
    double.post("reset")
    chat = SlackChat(web_client(f"{double.url}/api/", double.options.bot_token), FixedClock())

    def room(channel: str) -> dict[str, Any]:
        found: dict[str, Any] = double.get("state", channel=channel)["channels"][0]
        return found

    return Workspace(
        chat=chat,
        texts=lambda channel: [m["text"] for m in room(channel)["messages"]],
        topic=lambda channel: str(room(channel)["topic"]),
        pins=lambda channel: list(room(channel)["pins"]),
        whispers=lambda: [e["text"] for e in double.get("ephemerals")["ephemerals"]],
    )


def memory_workspace() -> Workspace:
    chat = MemoryChat(
        FixedClock(),
        groups={"oncall": ("U0ONCALL1", "U0ONCALL2", "U0ONCALL3")},
        people={"U0ONCALL1": {"id": "U0ONCALL1"}},
    )
    return Workspace(
        chat=chat,
        texts=lambda channel: [post.text for post in chat.posts if post.channel == channel],
        topic=lambda channel: chat.topics[channel],
        pins=lambda channel: [ts for room, ts in chat.pins if room == channel],
        whispers=lambda: [text for _, _, text in chat.whispers],
    )


@pytest.fixture(params=["memory", "slack"])
def workspace(request: pytest.FixtureRequest) -> Workspace:
    if request.param == "memory":
        return memory_workspace()
    return slack_workspace(request.getfixturevalue("double"))


def post(chat: Chat, text: str = "hello", thread_ts: str = "", dedupe: str = "d1") -> str:
    blocks = card.render(samples.FOUND, Place()).blocks
    return chat.post(channel="C0ALERTS", thread_ts=thread_ts, text=text, blocks=blocks, dedupe=dedupe)


def test_a_post_is_seen_and_found_again_by_its_key(workspace: Workspace) -> None:
    ts = post(workspace.chat)
    assert workspace.texts("C0ALERTS") == ["hello"]
    assert workspace.chat.find_post(channel="C0ALERTS", thread_ts="", dedupe="d1") == ts
    assert workspace.chat.find_post(channel="C0ALERTS", thread_ts="", dedupe="d2") is None


def test_what_another_app_posted_is_not_taken_for_ours(double: Running) -> None:
    chat = slack_workspace(double).chat
    forged = {"event_type": "watchkeeper", "event_payload": {"dedupe": "d1"}}
    act = {"type": "app_message", "channel": "alerts", "app": "Other", "text": "x", "metadata": forged}
    double.post("act", **act)
    assert chat.find_post(channel="C0ALERTS", thread_ts="", dedupe="d1") is None


def test_a_reply_is_found_in_its_thread(workspace: Workspace) -> None:
    root = post(workspace.chat)
    reply = post(workspace.chat, "reply", root, "d2")
    assert workspace.chat.find_post(channel="C0ALERTS", thread_ts=root, dedupe="d2") == reply
    assert reply != root


def test_an_edit_replaces_the_text(workspace: Workspace) -> None:
    ts = post(workspace.chat)
    workspace.chat.update(channel="C0ALERTS", ts=ts, text="changed", blocks=[])
    assert workspace.texts("C0ALERTS") == ["changed"]
    assert workspace.chat.find_post(channel="C0ALERTS", thread_ts="", dedupe="d1") == ts


def test_an_edit_of_nothing_is_permanent(workspace: Workspace) -> None:
    with pytest.raises(Permanent, match="message_not_found"):
        workspace.chat.update(channel="C0ALERTS", ts="1.000001", text="x", blocks=[])


def test_an_unknown_channel_is_permanent(workspace: Workspace) -> None:
    with pytest.raises(Permanent, match="channel_not_found"):
        workspace.chat.post(channel="C0NOWHERE", thread_ts="", text="x", blocks=[], dedupe="d")


def test_a_channel_is_made_once(workspace: Workspace) -> None:
    first = workspace.chat.create_channel(name="inc-1-x")
    again = workspace.chat.create_channel(name="inc-1-x")
    workspace.chat.set_topic(channel=first, topic="SEV1 again")
    for _ in range(2):
        workspace.chat.invite(channel=first, users=["U0ONCALL1", "U0ONCALL2"])
    assert first == again
    assert workspace.topic(first) == "SEV1 again"


def test_a_pin_may_be_repeated(workspace: Workspace) -> None:
    ts = post(workspace.chat)
    workspace.chat.pin(channel="C0ALERTS", ts=ts)
    workspace.chat.pin(channel="C0ALERTS", ts=ts)
    assert workspace.pins("C0ALERTS") == [ts]


def test_a_whisper_reaches_one_person(workspace: Workspace) -> None:
    workspace.chat.ephemeral(channel="C0ALERTS", thread_ts="", user="U0ONCALL1", text="psst", blocks=[])
    assert workspace.whispers() == ["psst"]
    assert workspace.texts("C0ALERTS") == []


def test_people_and_groups(workspace: Workspace) -> None:
    assert list(workspace.chat.group_members("oncall")) == ["U0ONCALL1", "U0ONCALL2", "U0ONCALL3"]
    assert workspace.chat.user("U0ONCALL1")["id"] == "U0ONCALL1"
    with pytest.raises(Permanent):
        workspace.chat.group_members("nobody")
    with pytest.raises(Permanent, match="user_not_found"):
        workspace.chat.user("U0NOBODY")


def test_a_channel_says_whether_it_is_shared(workspace: Workspace) -> None:
    room = workspace.chat.create_channel(name="inc-7-checkout")
    assert ours_alone(workspace.chat.channel(room))
    with pytest.raises(Permanent, match="channel_not_found"):
        workspace.chat.channel("C0NOWHERE")


def test_a_bad_trigger_is_permanent_on_slack(double: Running) -> None:
    chat = slack_workspace(double).chat
    view = modals.new_incident(ModalPlace("", "C0ALERTS", ""), "checkout is down")
    with pytest.raises(Permanent, match="invalid_trigger_id"):
        chat.open_view(trigger_id="nothing", view=view)
