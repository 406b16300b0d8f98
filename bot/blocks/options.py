"""Offered plans in words: title, how much they touch, whether they can be undone, what became of them.

All of it is read from the canonical content that was hashed, so that the card cannot say another thing than runs.
"""

import shlex
from collections.abc import Iterable, Mapping
from typing import Any

from bot.blocks.text import line, mention, moment, safe
from bot.domain.incident import Incident, OptionView
from bot.domain.plan import ActionClass, PlanState
from bot.domain.price import COST

_CLASS_WORDS = {
    ActionClass.SAFE: "🟢 safe",
    ActionClass.RISKY: "🟠 risky",
    ActionClass.DESTRUCTIVE: "🔴 destructive",
}
_STATE_WORDS = {
    PlanState.PROPOSED: "waiting for approval",
    PlanState.GRANTED: "approved, starting",
    PlanState.RUNNING: "running",
    PlanState.DONE: "done",
    PlanState.FAILED: "failed",
    PlanState.STOPPED: "stopped",
    PlanState.PARKED: "parked, a human must look",
    PlanState.REFUSED: "refused by the executor",
    PlanState.REJECTED: "rejected",
    PlanState.EXPIRED: "expired",
}
_STATE_MARKS = {
    PlanState.PROPOSED: "◻️",
    PlanState.GRANTED: "▶️",
    PlanState.RUNNING: "▶️",
    PlanState.DONE: "✅",
    PlanState.FAILED: "❌",
    PlanState.STOPPED: "⏹️",
    PlanState.PARKED: "⚠️",
    PlanState.REFUSED: "⛔",
    PlanState.REJECTED: "🚫",
    PlanState.EXPIRED: "⌛",
}
_MOST_SHOWN = 3500
SHORT = 160
_CUT_TITLE, _LONGEST_TITLE = 110, 1500
ENDED = (PlanState.DONE, PlanState.FAILED, PlanState.STOPPED)
ACTIVE = (PlanState.GRANTED, PlanState.RUNNING)


def title(option: OptionView) -> str:
    """The plan's title, safe for mrkdwn."""
    return safe(str(option.plan["title"]), _CUT_TITLE)


def whole_title(option: OptionView) -> str:
    """The title uncut, safe for mrkdwn, for where a decision is made: what to beware of stands at its end."""
    return safe(str(option.plan["title"]), _LONGEST_TITLE)


def fits(option: OptionView) -> bool:
    """Whether the title is shown whole where titles are cut."""
    return len(str(option.plan["title"])) <= _CUT_TITLE


def class_words(option: OptionView) -> str:
    """Colour and word of the plan's class."""
    return _CLASS_WORDS[ActionClass(option.plan["klass"])]


def destructive(option: OptionView) -> bool:
    """Whether the plan needs the typed name and two people."""
    return bool(option.plan["klass"] == ActionClass.DESTRUCTIVE.value)


def one_click(option: OptionView) -> bool:
    """Whether a button alone may approve: a safe plan that can be undone. Every other one asks for words first."""
    return bool(option.plan["klass"] == ActionClass.SAFE.value) and reversible(option)


def agreed_words(option: OptionView, verb: str = "approve") -> str:
    """Who said yes already to a plan that needs two people; empty where nobody did or one suffices."""
    said = [yes for yes in option.agreed if yes.verb == verb]
    if not said or not destructive(option):
        return ""
    return f"⏳ *1 of 2:* {mention(said[-1].by)} agreed {moment(said[-1].at_ms)}; a second, different person must too."


def reversible(option: OptionView) -> bool:
    """Whether each step has a declared inverse."""
    return all(step["undo_params"] is not None for step in option.plan["steps"])


def changes_something(option: OptionView) -> bool:
    """Whether an undo has anything to do: some step has an inverse command."""
    return any(step["undo_command"] for step in option.plan["steps"])


def reversible_words(option: OptionView) -> str:
    """reversible, or not, in words."""
    if not changes_something(option):
        nothing = "nothing to undo" if option.plan["blast_radius"] else "changes nothing"
        return nothing if reversible(option) else "cannot be undone"
    return "reversible" if reversible(option) else "partly reversible"


def radius_words(plan: Mapping[str, Any]) -> str:
    """1 deployment, 4 pods, 26 cents more an hour."""
    last = sorted(plan["blast_radius"].items(), key=lambda unit: (unit[0] == COST, unit[0]))
    parts = [_amount(name, count) for name, count in last]
    return ", ".join(parts) or "nothing in production"


def _amount(name: str, count: int) -> str:
    if name == COST:
        return f"{count} {'cent' if count == 1 else 'cents'} more an hour" if count else "no added cost"
    return f"{count} {_unit(safe(name, 30).replace('_', ' '), count)}"


def _unit(name: str, count: int) -> str:
    if count != 1 or not name.endswith("s"):
        return name
    return f"{name[:-3]}y" if name.endswith("ies") else name[:-1]


def step_words(step: Mapping[str, Any]) -> str:
    """A step in a few plain words, for where its exact command would not fit: set desired count · menu-api · count 6."""
    verb = str(step["action"]).partition("/")[2].replace("-", " ")
    numbers = [_number(name, value) for name, value in step["params"].items() if type(value) is int]
    return line(" · ".join([verb, str(step["target"]["name"]), *numbers]), 200)


def _number(name: str, value: int) -> str:
    """A parameter and its value; one whose name ends in _s is in seconds."""
    words = name.removesuffix("_s").replace("_", " ")
    return f"{words} {value} s" if name.endswith("_s") else f"{words} {value}"


def step_title(step: Mapping[str, Any]) -> str:
    """The exact command where it is short, else its words."""
    command = " ".join(str(part) for part in step["command"])
    return command if len(command) <= SHORT else step_words(step)


def short(plan: Mapping[str, Any]) -> bool:
    """Whether all commands can stand at the top of a message and leave room for the rest of a phone's screen."""
    return len(commands(plan)) <= SHORT + 40


def commands(plan: Mapping[str, Any]) -> str:
    """The exact commands, one a line, quoted as a shell would need them."""
    return "\n".join(_command(step) for step in plan["steps"])


def _command(step: Mapping[str, Any]) -> str:
    """A command as one would type it, with what it reads from standard input."""
    typed = shlex.join(step["command"])
    return f"{typed} <<< {shlex.quote(step['stdin'])}" if step["stdin"] else typed


def showable(option: OptionView) -> bool:
    """Whether people can see exactly what would run: all of it, in visible ASCII. Nothing else may be approved."""
    text = commands(option.plan)
    visible = text.isascii() and text.replace("\n", "").isprintable()
    return visible and 0 < len(text) <= _MOST_SHOWN


def undo_commands(plan: Mapping[str, Any]) -> str:
    """The commands that undo the plan, in the order in which they would run; empty where there are none."""
    undone = [step["undo_command"] for step in reversed(plan["steps"]) if step["undo_command"]]
    return "\n".join(shlex.join(command) for command in undone)


def checks_words(plan: Mapping[str, Any]) -> str:
    """What must hold afterwards for the plan to count as a success; services with the same bound stand together."""
    services: dict[tuple[str, int, int], list[str]] = {}
    for check in plan["checks"]:
        bound = (str(check["signal"]), int(check["below_milli"]), int(check["within_s"]))
        services.setdefault(bound, []).append(safe(check["service"], 50))
    said = [
        f"{signal_words(signal)} of {', '.join(names)} below {reading(signal, below / 1000)} within {within} s"
        for (signal, below, within), names in services.items()
    ]
    return "; ".join(said) or "none declared"


def facts_words(option: OptionView) -> str:
    """Class, reversibility and blast radius in one line."""
    said = [class_words(option), reversible_words(option)]
    return " · ".join([*said, radius_words(option.plan)] if option.plan["blast_radius"] else said)


def signal_words(signal: str) -> str:
    """A signal's name as words, safe for mrkdwn: error ratio."""
    return safe(signal.replace("_", " "), 40)


def reading(signal: str, value: float) -> str:
    """A signal's value as people read it; ratios in per cent."""
    return f"{value * 100:.3g} %" if signal.endswith("_ratio") else f"{value:.3g}"


def outcome_words(option: OptionView) -> str:
    """Mark and words for what became of a plan, its verification included."""
    if option.state is PlanState.DONE and option.verified is not None:
        return (
            "✅ done and verified" if option.verified else "⚠️ done, but not verified: signals are still bad"
        )
    if option.order and option.state is PlanState.GRANTED:
        return f"{_STATE_MARKS[option.state]} starting"
    return f"{_STATE_MARKS[option.state]} {_STATE_WORDS[option.state]}"


def state_words(option: OptionView) -> str:
    """`outcome_words` and who approved."""
    words = outcome_words(option)
    if option.order:
        words += f" · by standing order {safe(option.order, 20)}"
    if option.approved_by and option.state is not PlanState.PROPOSED:
        second = f" and {mention(option.seconded_by)}" if option.seconded_by else ""
        words += f" · approved by {mention(option.approved_by)}{second}"
    return words


def current(incident: Incident) -> list[OptionView]:
    """The options worth showing: the newest offer and whatever was decided, expired ones only if nothing else is."""
    alive = [option for option in incident.options if option.state is not PlanState.EXPIRED]
    return (alive or list(incident.options))[-4:]


def open_options(options: Iterable[OptionView]) -> list[OptionView]:
    """Those that still wait for a decision."""
    return [option for option in options if option.state is PlanState.PROPOSED]


def decidable(incident: Incident) -> list[OptionView]:
    """Options that still wait for a decision, in an incident that is still open."""
    return open_options(incident.options) if incident.state.open else []


def reviewable(incident: Incident) -> list[OptionView]:
    """Options that may be approved here: waiting, exactly showable, and not in observe mode."""
    return [option for option in decidable(incident) if showable(option) and not incident.observe_only]


def is_undo(option: OptionView) -> bool:
    """Whether this plan reverses another one."""
    return bool(option.plan["undoes"])
