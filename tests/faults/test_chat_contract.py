"""The chat contract once more against the strict Slack double while each third call is refused, fails or loses its answer.

The caller does what the outbox does: it waits where Slack asks for that, and looks before it posts again.
"""

import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from bot.adapters.chat.slack import SlackChat
from bot.domain.errors import Retryable, Undecided
from tests.contract.chat import test_chat
from tests.contract.chat.test_chat import Workspace, slack_workspace
from tests.double.conftest import Running, start
from tests.faults.faulty import Dice
from tests.faults.second_run import once_more

SHARE = 0.35
KINDS = ("429", "500", "posted_but_lost")
_PORT = frozenset(
    {
        "post",
        "update",
        "find_post",
        "create_channel",
        "invite",
        "set_topic",
        "pin",
        "group_members",
        "user",
        "channel",
    }
)

globals().update(
    once_more(
        test_chat,
        # What is said in private cannot be read back, and a trigger is good for seconds: the adapter repeats neither.
        without=("test_a_whisper_reaches_one_person", "test_a_bad_trigger_is_permanent_on_slack"),
    )
)


class PatientChat:
    """The Slack adapter, with trouble before or after its calls, and a caller that comes again."""

    def __init__(self, inner: SlackChat, double: Running, dice: Dice) -> None:
        self.inner, self.double, self.dice = inner, double, dice

    def __getattr__(self, name: str) -> Any:
        asked = getattr(self.inner, name)
        return self._patient(name, asked) if name in _PORT else asked

    def _patient(self, name: str, asked: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **given: Any) -> Any:
            for _ in range(40):
                if self.dice.fails():
                    kind = self.dice.seeded.choice(KINDS)
                    self.double.post("fault", method="*", kind=kind, seconds=0, times=1)
                try:
                    return asked(*args, **given)
                except Retryable:
                    continue
                except Undecided:
                    found = self._posted(given) if name == "post" else None
                    if found is not None:
                        return found
            raise AssertionError(name)

        return call

    def _posted(self, given: dict[str, Any]) -> str | None:
        places = {key: given[key] for key in ("channel", "thread_ts", "dedupe")}
        return self.find_post(**places)  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def double() -> Iterator[Running]:
    running = start()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def dice() -> Iterator[Dice]:
    made = Dice(random.Random(3), SHARE)
    yield made
    assert made.failed > 10, "too few faults to say anything"


@pytest.fixture(params=["slack"])
def workspace(double: Running, dice: Dice) -> Workspace:
    made = slack_workspace(double)
    assert isinstance(made.chat, SlackChat)
    patient: Any = PatientChat(made.chat, double, dice)
    made.chat = patient
    return made
