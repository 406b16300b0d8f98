"""The Slack adapter when Slack is slow, down, strict or poor: each trouble has its own error, nothing is retried here."""

from collections.abc import Iterator

import pytest

from bot.adapters.chat.slack import SlackChat, web_client
from bot.blocks import proposal
from bot.blocks.shape import Place
from bot.domain.errors import Permanent, Retryable, Undecided
from tests.contract.chat.test_chat import FixedClock, post
from tests.double.conftest import Running, free_port, start
from tests.unit.blocks import samples
from tests.unit.blocks.test_messages import messages


@pytest.fixture(scope="module")
def shared() -> Iterator[Running]:
    running = start()
    yield running
    running.stop()


@pytest.fixture
def double(shared: Running) -> Running:
    shared.post("reset")
    return shared


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture
def chat(double: Running, clock: FixedClock) -> SlackChat:
    return SlackChat(web_client(f"{double.url}/api/", double.options.bot_token), clock)


def test_429_says_how_long_to_wait(double: Running, chat: SlackChat) -> None:
    double.post("fault", method="chat.postMessage", kind="429", seconds=7)
    with pytest.raises(Retryable) as caught:
        post(chat)
    assert caught.value.delay_s == 7
    assert double.state()["calls"]["chat.postMessage"] == 1


def test_a_lost_answer_to_a_post_is_undecided_and_found_again(double: Running, chat: SlackChat) -> None:
    double.post("fault", method="chat.postMessage", kind="posted_but_lost", seconds=0)
    with pytest.raises(Undecided):
        post(chat)
    assert chat.find_post(channel="C0ALERTS", thread_ts="", dedupe="d1")
    assert double.state()["counts"]["posts"] == 1


def test_500_after_a_post_is_undecided_and_after_an_edit_retryable(double: Running, chat: SlackChat) -> None:
    ts = post(chat)
    double.post("fault", method="*", kind="500", times=2)
    with pytest.raises(Undecided):
        post(chat)
    with pytest.raises(Retryable):
        chat.update(channel="C0ALERTS", ts=ts, text="x", blocks=[])


def test_nobody_there_is_retryable(clock: FixedClock) -> None:
    chat = SlackChat(web_client(f"http://127.0.0.1:{free_port()}/api/", "xoxb-local"), clock)
    with pytest.raises(Retryable):
        post(chat)


def test_a_wrong_token_is_permanent_with_its_fix(double: Running, clock: FixedClock) -> None:
    chat = SlackChat(web_client(f"{double.url}/api/", "xoxb-wrong"), clock)
    with pytest.raises(Permanent, match="check SLACK_BOT_TOKEN"):
        post(chat)


def test_posts_carry_metadata_and_do_not_unfurl(double: Running, chat: SlackChat) -> None:
    post(chat, dedupe="key-1")
    message = double.messages()[0]
    assert message["metadata"] == {"event_type": "watchkeeper", "event_payload": {"dedupe": "key-1"}}


def test_groups_and_people_are_kept_for_a_minute(double: Running, chat: SlackChat, clock: FixedClock) -> None:
    assert "U0ONCALL2" in chat.group_members("oncall")
    double.post("usergroup", handle="oncall", users=["oncall-1"])
    assert "U0ONCALL2" in chat.group_members("oncall")
    clock.at += 61
    assert list(chat.group_members("oncall")) == ["U0ONCALL1"]
    clock.at -= 3600
    double.post("usergroup", handle="oncall", users=[])
    assert list(chat.group_members("oncall")) == [], "a clock that was set back keeps nothing"


def test_channel_and_group_by_name(chat: SlackChat) -> None:
    assert chat.channel_id("#alerts") == chat.channel_id("C0ALERTS") == "C0ALERTS"
    assert chat.group_id("@oncall") == "S0ONCALL"
    assert chat.identity()[0].startswith("T")
    with pytest.raises(Permanent, match="no channel"):
        chat.channel_id("nowhere")


def test_every_message_passes_the_doubles_own_validator(double: Running, chat: SlackChat) -> None:
    double.post("clock", rate=200)
    tried = 0
    for name, _, message in messages():
        faults = double.call("blocks.validate", blocks=list(message.blocks))
        if faults.get("error") == "ratelimited":
            double.post("clock", jump=120)
            faults = double.call("blocks.validate", blocks=list(message.blocks))
        assert faults.get("ok"), (name, faults)
        tried += 1
    assert tried > 200


def test_a_proposal_can_be_posted(double: Running, chat: SlackChat) -> None:
    message = proposal.render(samples.FOUND, Place())
    chat.post(channel="C0ALERTS", thread_ts="", text=message.text, blocks=message.blocks, dedupe="p")
    assert [b["type"] for b in double.messages()[0]["blocks"]] == ["section", "container", "container"]
