"""Plays a scenario from outside: starts it, watches Slack, clicks as people, and says how it ended."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from bot.domain.errors import Permanent
from bot.local.demo import reading
from bot.local.demo.ordering import put_in_force, services_of
from bot.local.demo.outside import Outside
from bot.local.demo.reading import Card

T = TypeVar("T")

_POLL_S = 0.1
_PATIENT_POLL_S = 0.4
# After which a person does it again, where calls are made to fail.
PATIENCE_S = 15.0
NEVER_APPROVERS = ("outsider", "guest")
_ALERTS_CHANNEL = "alerts"
_ON_CALL = ("oncall-1", "oncall-2")
# A security engineer secures the evidence first and isolates then; elsewhere the first option is the answer.
_WAYS = {"zero-day": "AB"}
_REASON = "The evidence on the card names it, and the plan says what it touches."


@dataclass(frozen=True, slots=True)
class Orders:
    """What to play and how to decide; one of `approve_as` and `reject_as` may be empty.

    Without `early` it begins at the storm, and so does a standing order's, which would else avert it.
    `option` are the letters to decide on, one after the other; empty for the scenario's own way.
    People who see nothing come of what they did do it again after `patience_s`; without, they wait.
    """

    scenario: str
    seed: int | None
    approve_as: str
    reject_as: str
    option: str = ""
    standing_order: bool = False
    early: bool = True
    patience_s: float | None = None


@dataclass
class Played:
    """What was seen from outside; the fields of the result line, filled as the run goes on."""

    card: Card | None = None
    seconds_to_card: float | None = None
    seconds_to_cause: float | None = None
    seconds_before_first_alert: float | None = None
    proposal: str | None = None
    approved_by: str | None = None
    refused: list[str] = field(default_factory=list)
    verified: bool = False
    postmortem: str = ""
    warned: bool = False
    order: str | None = None


@dataclass(frozen=True, slots=True)
class Before:
    """The workspace before a run: incidents that have a card, posts and edits so far."""

    incidents: frozenset[str] = frozenset()
    posts: int = 0
    edits: int = 0


class Drive:
    """One run. `deadline_s` bounds each wait, so that a product that hangs is a failed run and no hung driver."""

    def __init__(self, outside: Outside, orders: Orders, *, deadline_s: float = 60.0) -> None:
        self._outside = outside
        self._orders = orders
        self._deadline_s = deadline_s
        self._before = Before()
        self._letters = orders.option or _WAYS.get(orders.scenario, "A")
        self._letter = self._letters[0]
        self.played = Played()

    def play(self) -> dict[str, Any]:
        """Play to the end and return the result line."""
        self._until(self._outside.ready, "the product to be ready")
        self._before = self._look_around()
        self._say_first()
        seed = self._order_first()
        early = self._orders.early and not self._orders.standing_order
        run = self._outside.start(self._orders.scenario, seed, early=early)
        self._until(lambda: self._outside.scenario()["started_sending_at"], "the first alert")
        first_byte = float(self._outside.scenario()["started_sending_at"])
        self._watch_card(first_byte)
        self._decide()
        self._close()
        return self._result(run["seed"], first_byte)

    def _look_around(self) -> "Before":
        """What stands in the workspace already, so that several runs on one workspace are told apart."""
        state = self._outside.slack()
        counts = state["counts"]
        known = frozenset(card.incident for card in reading.cards(state))
        return Before(known, counts["posts"], counts["edits"])

    def _say_first(self) -> None:
        """Say what the scenario wants said before it begins, like the entry of a planned event."""
        command, _, words = self._outside.first_words(self._orders.scenario).partition(" ")
        if not command:
            return
        said = len(self._outside.private_answers("oncall-1"))
        self._outside.act(
            **{
                "as": "oncall-1",
                "type": "slash",
                "command": command,
                "text": words,
                "channel": _ALERTS_CHANNEL,
            }
        )
        self._until(lambda: len(self._outside.private_answers("oncall-1")) > said, "the event to be noted")

    def _order_first(self) -> int | None:
        """Have the standing order signed before anything breaks, where one is wanted; the seed of the run."""
        if not self._orders.standing_order:
            return self._orders.seed
        seed = self._orders.seed if self._orders.seed is not None else random.randrange(1, 10_000)
        services = services_of(self._orders.scenario, seed)
        self.played.order = put_in_force(self._outside, services, self._until)
        return seed

    def _watch_card(self, first_byte: float) -> None:
        played = self.played
        first: Card = self._until(self._main_card, "the card")
        if first.posted_at < first_byte:
            played.seconds_before_first_alert = round(first_byte - first.posted_at, 3)
            first = self._until(lambda: self._told_of_storm(first_byte), "the storm on the early card")
            played.seconds_to_card = round(first.edited_at - first_byte, 3)
        else:
            played.seconds_to_card = round(first.posted_at - first_byte, 3)
        card: Card = self._until(self._answered_card, "the cause on the card")
        played.seconds_to_cause = round(card.edited_at - first_byte, 3)
        if played.seconds_before_first_alert is not None:
            self._until(self._outside.settled, "the look at the storm, and its options to show")
            card = self._until(self._answered_card, "the cause on the card")
        played.card = card

    def _told_of_storm(self, first_byte: float) -> Card | None:
        """The card of an incident that was opened early, once it counts more than the early warnings."""
        card = self._main_card()
        told = (
            card is not None
            and card.edited_at > first_byte
            and card.alerts > self._outside.early_warnings()[0]
        )
        return card if told else None

    def _answered_card(self) -> Card | None:
        card = self._main_card()
        return card if card and card.answered else None

    def _main_card(self) -> Card | None:
        found = self._new_cards(self._outside.slack())
        return found[0] if found else None

    def _new_cards(self, state: dict[str, Any]) -> list[Card]:
        return [card for card in reading.cards(state) if card.incident not in self._before.incidents]

    def _decide(self) -> None:
        ends = self._outside.scenario()["ends"]
        if ends != "fixed":
            if ends == "warned":
                self.played.warned = bool(self._until(self._warning, "the warning on the card"))
            time.sleep(2.0)  # An offer that must not come gets the time to come.
            offered = self._proposal()
            self.played.proposal = offered[1]["text"] if offered else None
            return
        if self.played.order is not None:
            self._watch_order()
            return
        channel, message = self._until(self._offer, f"an offer of option {self._letter} to approve")
        self.played.proposal = reading.option_title(message, self._letter) or message["text"]
        self._click_as_others()
        if self._orders.reject_as:
            reject = partial(self._click, self._orders.reject_as, channel, message, "reject")
            self._insist(reject, lambda: self._option_says("rejected"), "the rejection to show")
        elif self._orders.approve_as:
            for letter in self._letters:
                self._carry_out(letter, self._orders.approve_as)

    def _carry_out(self, letter: str, decider: str) -> None:
        """Approve an option and see its run to the end."""
        self._letter = letter
        _, message = self._until(self._offer, f"an offer of option {self._letter} to approve")
        # A look that could read too little is corrected before anything is offered.
        if self._orders.patience_s:
            self.played.card = self._answered_card() or self.played.card
        self.played.proposal = reading.option_title(message, self._letter) or message["text"]
        self._insist(
            partial(self._approve, decider),
            lambda: self._option_says("approved by") or self._option_says("1 of 2"),
            "a yes to show",
        )
        if not self._option_says("approved by"):
            second = next(name for name in _ON_CALL if name != decider)
            self._insist(
                partial(self._approve, second),
                lambda: self._option_says("approved by"),
                "the approval to show",
            )
        self.played.approved_by = decider
        self._watch_run()
        self.played.verified = self._option_says("done and verified")

    def _watch_order(self) -> None:
        """Nobody clicks; the message says which order acted, and lets people undo and stop."""
        said = f"started by standing order {self.played.order}"
        self._until(lambda: self._proposal_says(said), "the order's run to show")
        found = self._proposal()
        self.played.proposal = found[1]["text"] if found else None
        self._watch_run()
        self.played.verified = self._proposal_says("done and verified")
        self._until(self._lets_undo_and_stop, "Undo and Stop on the message")

    def _lets_undo_and_stop(self) -> bool:
        found = self._proposal()
        return found is not None and all(reading.buttons(found[1], way) for way in ("undo", "stop"))

    def _click_as_others(self) -> None:
        for name in NEVER_APPROVERS:
            said = len(self._outside.private_answers(name))
            self._insist(
                partial(self._approve, name), partial(self._was_told_more, name, said), f"{name}'s refusal"
            )
            self.played.refused.append(name)

    def _approve(self, name: str) -> None:
        """Press the button where one alone approves; otherwise fill the review in and submit it."""
        found = self._offer()
        if found is None:
            return
        channel, message = found
        if reading.buttons(message, "approve", self._letter):
            self._click(name, channel, message, "approve")
            return
        said = len(self._outside.private_answers(name))
        self._click(name, channel, message, "review")
        self._within(
            self._orders.patience_s or self._deadline_s,
            lambda: self._outside.open_form(name) or self._was_told_more(name, said),
        )
        form = self._outside.open_form(name)
        if form is not None:
            values = reading.filled(form, reason=_REASON)
            submit = {"as": name, "type": "view_submit", "view_id": form["view_id"], "values": values}
            self._until(lambda: self._acked(submit), f"an answer to {name}'s review")

    def _was_told_more(self, name: str, before: int) -> bool:
        return len(self._outside.private_answers(name)) > before

    def _click(self, name: str, channel: str, message: dict[str, Any], action: str) -> None:
        """Click, and click again while Slack says that the app does not answer, as a person would."""
        button = reading.buttons(message, action, self._letter)[0]
        where = {"channel": channel, "message_ts": message["ts"], "action_id": button}
        self._until(
            lambda: self._acked({"as": name, "type": "click", **where}), f"an answer to {name}'s click"
        )

    def _acked(self, act: dict[str, Any]) -> bool:
        answer = self._outside.act(**act)
        return bool(answer.get("acked")) or answer.get("error") in ("no_such_button", "view_not_open")

    def _close(self) -> None:
        """See the incident resolved and its post-mortem posted; close it by hand where nothing was fixed."""
        if not self.played.verified:
            card = self._current()
            words = {"channel": card.channel, "thread_ts": card.ts, "text": "<@U0BOT> resolve"}
            self._outside.act(**{"as": "oncall-1", "type": "message", **words})
        self._until(lambda: self._current().resolved, "the incident to be resolved")
        self.played.postmortem = self._until(
            lambda: reading.postmortem(self._outside.slack(), self._incident()), "the post-mortem"
        )

    def _incident(self) -> str:
        return self.played.card.incident if self.played.card else ""

    def _current(self) -> Card:
        for card in reading.cards(self._outside.slack()):
            if card.incident == self._incident():
                return card
        message = f"the card of {self._incident()} is gone"
        raise Permanent(message)

    def _proposal(self) -> tuple[str, dict[str, Any]] | None:
        return reading.proposal(self._outside.slack(), self._incident())

    def _offer(self) -> tuple[str, dict[str, Any]] | None:
        found = self._proposal()
        letter = self._letter
        offered = found and any(reading.buttons(found[1], way, letter) for way in ("approve", "review"))
        return found if offered else None

    def _warning(self) -> bool:
        card = self._main_card()
        return card is not None and card.warned

    def _proposal_says(self, words: str) -> bool:
        found = self._proposal()
        return found is not None and reading.says(found[1], words)

    def _option_says(self, words: str) -> bool:
        return words in self._shown()

    def _shows_more(self, than: str) -> bool:
        return self._shown() != than

    def _shown(self) -> str:
        found = self._proposal()
        return reading.option_words(found[1], self._letter) if found is not None else ""

    def _ended(self) -> bool:
        ends = ("✅ done", "not verified", "❌ failed", "⏹️ stopped", "parked", "refused by the executor")
        return any(self._option_says(words) for words in ends)

    def _watch_run(self) -> None:
        """See the run to its end, however many steps it has; one that shows nothing new until the deadline hangs."""
        while not self._ended():
            self._until(partial(self._shows_more, self._shown()), "the run to go on")

    def _insist(self, act: Callable[[], object], look: Callable[[], object], what: str) -> None:
        """Act, and act again where nothing comes of it, until the deadline."""
        end = time.monotonic() + self._deadline_s
        while time.monotonic() < end:
            act()
            if self._within(self._orders.patience_s or self._deadline_s, look):
                return
        message = f"{self._deadline_s:.0f} s of trying did not bring {what}"
        raise Permanent(message)

    def _within(self, seconds: float, look: Callable[[], T | None]) -> T | None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            seen = look()
            if seen:
                return seen
            time.sleep(_PATIENT_POLL_S if self._orders.patience_s else _POLL_S)
        return None

    def _until(self, look: Callable[[], T | None], what: str) -> T:
        seen = self._within(self._deadline_s, look)
        if seen:
            return seen
        message = f"waited {self._deadline_s:.0f} s for {what} in vain"
        raise Permanent(message)

    def _result(self, seed: int, first_byte: float) -> dict[str, Any]:
        state, facts, truth = self._outside.slack(), self._outside.scenario(), self._outside.truth()
        events, chain_ok = self._outside.verify_log()
        files, hashes_ok = self._outside.forensics(since=first_byte)
        card = self._current()
        return {
            "scenario": self._orders.scenario,
            "seed": seed,
            "alerts_sent": facts["alerts_sent"],
            "alerts_stored": self._outside.stored_alerts(since=first_byte),
            "incidents": len({one.incident for one in self._new_cards(state)}),
            "posts": state["counts"]["posts"] - self._before.posts,
            "edits": state["counts"]["edits"] - self._before.edits,
            "standing_twice": reading.standing_twice(state),
            "faults": self._outside.mishaps(),
            "seconds_to_card": self.played.seconds_to_card,
            "seconds_to_cause": self.played.seconds_to_cause,
            "seconds_before_first_alert": self.played.seconds_before_first_alert,
            "root_cause": self.played.card.cause or None if self.played.card else None,
            "true_root_cause": truth["root_cause"],
            "confidence": self.played.card.confidence if self.played.card else 0.0,
            "planned_event": bool(self.played.card and self.played.card.expected_load),
            "proposal": self.played.proposal,
            "approved_by": self.played.approved_by,
            "refused": self.played.refused,
            "executed_steps": self._outside.executed_calls(),
            "order": self.played.order,
            "seconds_cause_to_first_call": self._outside.seconds_cause_to_first_call(self._incident()),
            "warned": self.played.warned,
            "verified": self.played.verified and bool(self._outside.scenario()["healthy"]),
            "forensic_files": files,
            "forensic_hashes_ok": hashes_ok,
            "service_kept": facts["service_kept"],
            "postmortem_chars": len(self.played.postmortem),
            "log_events": events,
            "log_chain_ok": chain_ok,
            "resolved": card.resolved,
        }
