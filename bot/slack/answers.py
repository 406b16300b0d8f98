"""Private answers to people who clicked or typed: said beside the deciding loop, and again while Slack does not take them.

They are no posts: nobody else sees them, Slack keeps none to be read back, and after a minute nobody waits for one. So they
stand in no row, and what Slack may have shown already is said at most twice more: better twice than never.
"""

import queue
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import structlog

from bot.blocks.answers import said
from bot.blocks.shape import Rendered
from bot.blocks.validate import view_faults
from bot.boundary import guarded
from bot.domain.errors import Retryable, Undecided, WatchkeeperError
from bot.ports import Chat, Clock
from bot.slack.deciding.parts import Decision, Person

_log = structlog.get_logger()
TRIES, UNKNOWN_TRIES = 6, 3
# From the first try on; Slack's own wish to wait counts, and one for longer ends it.
BUDGET_S = 60.0
_FIRST_S, _LONGEST_S = 1.0, 8.0
Work = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Answers:
    """Says what a decision has for its person. `aside` runs a piece of work elsewhere; `pause` waits, True ends it.

    `forms` runs what opens a form, which Slack takes for three seconds only: nothing that is tried again belongs there.
    """

    chat: Chat
    clock: Clock
    aside: Callable[[Work], None]
    pause: Callable[[float], object]
    forms: Callable[[Work], None] | None = None

    def say(self, person: Person, decision: Decision) -> None:
        """Open the modal, say the answer; returns at once where `aside` and `forms` do."""
        view = decision.view
        if view is None:
            self._answer(person, decision)
        else:
            (self.forms or self.aside)(lambda: self._open(person, decision, view))

    def _answer(self, person: Person, decision: Decision) -> None:
        if decision.answering or decision.answer is not None:
            self.aside(lambda: self._say(person, decision))

    def _open(self, person: Person, decision: Decision, view: Mapping[str, Any]) -> None:
        over = view_faults(view)
        if over:  # Slack's answer would not say which part it refuses.
            _log.error("modal_over_limits", faults=over[:5])
        try:
            self.chat.open_view(trigger_id=person.trigger_id, view=view)
        except WatchkeeperError as error:
            _log.warning("modal_not_opened", reason=str(error))
            late = said("Slack did not open the form in time; please click again.")
            decision = replace(decision, answer=late, answering=None)
        self._answer(person, decision)

    def _say(self, person: Person, decision: Decision) -> None:
        answer = decision.answering(self.chat) if decision.answering else decision.answer
        if answer is not None and person.channel:
            self._whisper(person, answer)

    def _whisper(self, person: Person, answer: Rendered) -> None:
        begun, unknown = self.clock.now(), 0
        for tries in range(TRIES):
            wait_s = min(_FIRST_S * 2.0**tries, _LONGEST_S)
            try:
                self._once(person, answer)
            except (Retryable, Undecided) as error:
                unknown += isinstance(error, Undecided)
                wait_s = max(wait_s, getattr(error, "delay_s", 0.0))
                why = str(error)
            except WatchkeeperError as error:
                why = str(error)
                break
            else:
                return
            late = self.clock.now() + wait_s > begun + BUDGET_S
            if late or unknown >= UNKNOWN_TRIES or self.pause(wait_s):
                break
        _log.warning("answer_not_shown", user=person.user, reason=why)

    def _once(self, person: Person, answer: Rendered) -> None:
        self.chat.ephemeral(
            channel=person.channel,
            thread_ts=person.thread_ts,
            user=person.user,
            text=answer.text,
            blocks=answer.blocks,
            reply_url=person.reply_url,
        )


@dataclass(slots=True)
class Aside:
    """A few threads that end with the process, so that one answer that Slack keeps waiting delays no other."""

    threads: int = 4
    most: int = 1000
    name: str = "answers"
    _waiting: "queue.Queue[Work]" = field(init=False)

    def __post_init__(self) -> None:
        self._waiting = queue.Queue(self.most)
        for number in range(self.threads):
            threading.Thread(target=self._run, name=f"{self.name}-{number}", daemon=True).start()

    def do(self, work: Work) -> None:
        """Have it done soon; what is too much is dropped, and said so."""
        try:
            self._waiting.put_nowait(work)
        except queue.Full:
            _log.error("answers_dropped", threads=self.name, waiting=self.most)

    def _run(self) -> None:
        while True:
            guarded("answer", self._waiting.get())


def at_once(work: Work) -> None:
    """Where nobody else waits, it is done here and now."""
    work()
