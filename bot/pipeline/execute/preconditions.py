"""The playbook's own preconditions, asked again of the live targets by the executor, before the first step.

A field of the past (what was there before, since when) is not read by every executor and cannot have changed; it
is asked again only where it is read. A field of the present that is not read means no.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial

from bot.domain.actions.table import action_of
from bot.domain.binding import Found, Values, unmet_precondition
from bot.domain.errors import Refused, WatchkeeperError
from bot.domain.plan import PlannedStep
from bot.domain.playbook import Playbook, PlaybookStep, Precondition
from bot.pipeline.execute.journal import Run
from bot.pipeline.execute.patience import Patience

_OF_THE_PAST = re.compile(r"previous_.*|.*_at|.*_ran_s|good_.*")


def ask_again(run: Run, playbook: Playbook, still: Callable[[], None]) -> None:
    """Raise Refused with the first precondition that does not hold any more, or that cannot be read.

    `still` is asked before whatever did not answer is read again, and raises where the plan may not start any more.
    """
    if not playbook.preconditions:
        return
    pairs = list(_pairs(playbook, run.row.plan.steps))
    try:
        found = _found(run, pairs, still)
    except Refused:
        raise
    except WatchkeeperError as error:
        message = f"its preconditions cannot be read: {error}"
        raise Refused(message, rule="unreadable") from error
    asked = tuple(one for one in playbook.preconditions if _is_of_the_present(one, found))
    unread = next((one for one in asked if one.of not in found), None)
    if unread is not None:
        message = f"its precondition cannot be asked again: {unread.name}"
        raise Refused(message, rule="precondition")
    unmet = unmet_precondition(replace(playbook, preconditions=asked), found, _values(pairs), now=run.now())
    if unmet:
        raise Refused(unmet.rstrip("."), rule="precondition")


def _pairs(playbook: Playbook, steps: tuple[PlannedStep, ...]) -> Iterator[tuple[PlaybookStep, PlannedStep]]:
    """Each planned step with the one of the playbook that it was bound from."""
    known = {step.id: step for step in playbook.steps}
    for step in steps:
        book_step = known.get(step.id) or known.get(step.id.rpartition("_")[0])
        if book_step is not None:
            yield book_step, step


def _found(
    run: Run, pairs: list[tuple[PlaybookStep, PlannedStep]], still: Callable[[], None]
) -> dict[str, Found]:
    """The live targets of each target input that a step acts on, read now."""
    found: dict[str, dict[str, tuple[PlannedStep, Mapping[str, str]]]] = {}
    for book_step, step in pairs:
        of = found.setdefault(book_step.on, {})
        if step.target.uid not in of:
            executor = run.means.executors[action_of(step.action).executor]
            live = Patience(run, step.id, "check", still).ask(partial(executor.read, step.target))
            of[step.target.uid] = (step, live)
    return {name: [(step.target, live) for step, live in targets.values()] for name, targets in found.items()}


def _values(pairs: list[tuple[PlaybookStep, PlannedStep]]) -> Values:
    """The inputs as they were bound: what the approved steps carry."""
    return {
        given.removeprefix("inputs."): step.params[name]
        for book_step, step in pairs
        for name, given in book_step.arguments.items()
        if isinstance(given, str)
    }


def _is_of_the_present(condition: Precondition, found: Mapping[str, Found]) -> bool:
    sides = [(condition.of, condition.field)]
    place, _, field = condition.value.partition(".")
    if place in found and field:
        sides.append((place, field))
    return not any(
        _OF_THE_PAST.fullmatch(field) and any(field not in live for _, live in found.get(of, ()))
        for of, field in sides
    )
