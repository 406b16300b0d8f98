"""What a well-shaped playbook can still get wrong: each rule is one function that yields findings with lines."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence

from bot.adapters.playbooks._findings import Finding, Source
from bot.domain.actions.table import ACTIONS, LIVE_FIELDS
from bot.domain.catalogue import Action, Param
from bot.domain.evidence import CauseClass
from bot.domain.plan import ActionClass
from bot.domain.playbook import (
    MAIN_TARGET,
    Input,
    Playbook,
    PlaybookStep,
    Tier,
)

_TARGET_SOURCES = ("incident.suspect", "incident.affected", "incident.instances")
_REFERENCE = re.compile(r"[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*")
_RESERVED = {"inputs", "incident", "declared"}
_MANY = "only incident.instances may be several targets"
_NEVER_OFFERED = (CauseClass.PLANNED, CauseClass.UNKNOWN)
_Rule = Callable[[Source, Playbook], Iterator[Finding]]


def lint(source: Source, playbook: Playbook) -> list[Finding]:
    """Every finding of one file, in line order."""
    found = [finding for rule in _RULES for finding in rule(source, playbook)]
    return sorted(found, key=lambda finding: finding.line)


def lint_together(pairs: Sequence[tuple[Source, Playbook]]) -> list[Finding]:
    """Findings that only the whole folder shows: a playbook that another one always stands in for."""
    seen: dict[tuple[object, ...], str] = {}
    findings = []
    for source, playbook in pairs:
        answers = tuple((step.uses, tuple(sorted(step.arguments.items()))) for step in playbook.steps)
        key = (playbook.causes, playbook.inputs, playbook.preconditions, answers)
        if key in seen:
            said = f"never chosen: {seen[key]} answers the same causes with the same steps"
            findings.append(source.finding(("match",), "unreachable-match", said))
        seen.setdefault(key, playbook.id)
    return findings


def _actions(playbook: Playbook) -> Iterator[tuple[int, PlaybookStep, Action]]:
    for index, step in enumerate(playbook.steps):
        if step.uses in ACTIONS:
            yield index, step, ACTIONS[step.uses]


def _sample(action: Action) -> tuple[dict[str, str], dict[str, str | int]]:
    # The catalogue's functions read numbers and identifiers; "1" is both.
    live = dict.fromkeys(("uid", *LIVE_FIELDS[action.target_kind]), "1")
    params: dict[str, str | int] = {
        name: param.minimum if param.kind == "integer" else "1" for name, param in action.params.items()
    }
    return live, params


def _has_inverse(action: Action) -> bool:
    if action.nothing_to_undo:
        return True
    return action.inverse(*_sample(action)) is not None


def _counted(action: Action) -> frozenset[str]:
    return frozenset(action.blast_radius(*_sample(action)))


def _file_name(source: Source, playbook: Playbook) -> Iterator[Finding]:
    stem = source.path.rsplit("/", 1)[-1].removesuffix(".yaml")
    if playbook.id != stem:
        yield source.finding(("id",), "id", f"id {playbook.id!r} must equal the file's name {stem!r}")


def _known_actions(source: Source, playbook: Playbook) -> Iterator[Finding]:
    for index, step in enumerate(playbook.steps):
        if step.uses not in ACTIONS:
            said = f"unknown action {step.uses!r}; the catalogue has {', '.join(sorted(ACTIONS))}"
            yield source.finding(("steps", index, "uses"), "unknown-action", said)
        if step.id in {other.id for other in playbook.steps[:index]}:
            yield source.finding(("steps", index, "id"), "step-id", f"step id {step.id!r} appears twice")


def _targets(source: Source, playbook: Playbook) -> Iterator[Finding]:
    names = {item.name for item in playbook.targets}
    if MAIN_TARGET not in names:
        said = f"one input has a target kind and is named {MAIN_TARGET}"
        yield source.finding(("inputs",), "target", said)
    for name in sorted(_RESERVED & {item.name for item in playbook.inputs}):
        yield source.finding(("inputs", name), "target", f"no input may be called {name}")
    kinds = {item.name: item.type for item in playbook.targets}
    for index, step, action in _actions(playbook):
        if step.on not in kinds:
            yield source.finding(("steps", index), "target", f"{step.on} is no target input")
        elif action.target_kind != kinds[step.on]:
            said = f"{step.uses} acts on {action.target_kind}, but {step.on} is a {kinds[step.on]}"
            yield source.finding(("steps", index, "uses"), "target", said)


def _input_sources(source: Source, playbook: Playbook) -> Iterator[Finding]:
    for item in playbook.inputs:
        said = _target_source(item) if item.is_target else _value_source(item, playbook)
        if said:
            yield source.finding(("inputs", item.name, "from"), "input-source", said)


def _target_source(item: Input) -> str:
    if not (item.source in _TARGET_SOURCES or item.source.startswith("declared.")):
        return f"a target comes from {', '.join(_TARGET_SOURCES)} or declared.ROLE, not from {item.source}"
    return "" if item.most == 1 or item.source == "incident.instances" else _MANY


def _value_source(item: Input, playbook: Playbook) -> str:
    place, _, field = item.source.partition(".")
    target = next((one for one in playbook.targets if one.name == place), None)
    if target is None:
        return f"{place} is no target input"
    if target.most > 1:
        return f"{place} may be several targets, which have no one {field}"
    if field not in LIVE_FIELDS[target.type]:
        known = ", ".join(sorted(LIVE_FIELDS[target.type]))
        return f"{item.source} is no live field; known: {known}"
    return ""


def _input_bounds(source: Source, playbook: Playbook) -> Iterator[Finding]:
    for item in playbook.inputs:
        place = ("inputs", item.name)
        if item.type != "integer":
            if item.minimum is not None or item.maximum is not None or item.percent != 100:
                yield source.finding(place, "bounds", f"{item.name}: only integers have min, max and percent")
            if item.most > 1 and not item.is_target:
                yield source.finding(place, "bounds", f"{item.name}: only a target may be several")
        elif item.minimum is None or item.maximum is None:
            yield source.finding(place, "bounds", f"{item.name}: an integer needs min and max")
        elif item.minimum > item.maximum:
            yield source.finding(
                place, "bounds", f"{item.name}: min {item.minimum} is above max {item.maximum}"
            )


def _arguments(source: Source, playbook: Playbook) -> Iterator[Finding]:
    inputs = {f"inputs.{item.name}": item for item in playbook.inputs}
    for index, step, action in _actions(playbook):
        place = ("steps", index, "with")
        for name in sorted(set(action.params) - set(step.arguments)):
            yield source.finding(place, "parameter", f"{step.uses} needs the parameter {name!r}")
        for name, value in step.arguments.items():
            at = (*place, name)
            if name not in action.params:
                said = f"{step.uses} has no parameter {name!r}; it takes {', '.join(sorted(action.params))}"
                yield source.finding(at, "parameter", said)
            elif isinstance(value, str) and value not in inputs:
                yield source.finding(at, "undeclared-input", f"{value} is not declared under inputs")
            else:
                said = _mismatch(action.params[name], value, inputs)
                if said:
                    yield source.finding(at, "bounds", f"{name}: {said}")


def _mismatch(param: Param, value: str | int, inputs: Mapping[str, Input]) -> str:
    if isinstance(value, int):
        inside = param.kind == "integer" and param.minimum <= value <= param.maximum
        return "" if inside else f"{value} is not inside {param.minimum}..{param.maximum} of the action"
    given = inputs[value]
    if given.type != param.kind:
        return f"the action takes {param.kind}, {value} is {given.type}"
    low, high = given.minimum, given.maximum
    if param.kind != "integer" or low is None or high is None:
        return ""
    inside = param.minimum <= low and high <= param.maximum
    return (
        "" if inside else f"{value} may be {low}..{high}, the action allows {param.minimum}..{param.maximum}"
    )


def _unused(source: Source, playbook: Playbook) -> Iterator[Finding]:
    used = {value for step in playbook.steps for value in step.arguments.values()}
    used |= {condition.value for condition in playbook.preconditions}
    for item in playbook.inputs:
        if not item.is_target and f"inputs.{item.name}" not in used:
            yield source.finding(("inputs", item.name), "unused-input", f"input {item.name!r} is never used")


def _conditions(source: Source, playbook: Playbook) -> Iterator[Finding]:
    kinds = {item.name: item.type for item in playbook.targets}
    values = {item.name for item in playbook.inputs if not item.is_target}
    acted_on = {step.on for step in playbook.steps}
    for index, condition in enumerate(playbook.preconditions):
        place = ("preconditions", index, "expect")
        read = [f"{condition.of}.{condition.field}"]
        if _REFERENCE.fullmatch(condition.value):
            read.append(condition.value)
        for one in read:
            owner, _, field = one.partition(".")
            if owner == "inputs":
                if field not in values:
                    yield source.finding(place, "undeclared-input", f"{one} is not declared under inputs")
            elif owner not in kinds or field not in LIVE_FIELDS[kinds[owner]]:
                yield source.finding(place, "precondition", f"{one} is no live field of a target input")
            elif owner not in acted_on:
                said = f"{one} cannot be asked again before the run: no step acts on {owner}"
                yield source.finding(place, "precondition", said)


def _inverses(source: Source, playbook: Playbook) -> Iterator[Finding]:
    for index, step, action in _actions(playbook):
        if not _has_inverse(action) and not step.irreversible:
            said = f"{step.uses} has no inverse: say `irreversible: true`"
            yield source.finding(("steps", index), "irreversible", said)
        if step.irreversible and any(not later.irreversible for later in playbook.steps[index + 1 :]):
            said = "after an irreversible step only irreversible ones may come"
            yield source.finding(("steps", index), "irreversible", said)
        if step.irreversible and playbook.on_failure == "rollback":
            said = "on-failure cannot be rollback with an irreversible step; say stop"
            yield source.finding(("on-failure",), "irreversible", said)


def _verification(source: Source, playbook: Playbook) -> Iterator[Finding]:
    writes = any(not action.read_only for _index, _step, action in _actions(playbook))
    if writes and not playbook.verify:
        yield source.finding(
            ("verify",), "verify", "a playbook that changes something must verify that it helped"
        )
    for index, check in enumerate(playbook.verify):
        if not 10 <= check.within_s <= 3600:
            yield source.finding(("verify", index, "within"), "bounds", "within must be between 10s and 1h")


def _approvals(source: Source, playbook: Playbook) -> Iterator[Finding]:
    destructive = any(action.klass is ActionClass.DESTRUCTIVE for _i, _s, action in _actions(playbook))
    least = 2 if destructive else 1
    if playbook.approvals < least:
        yield source.finding(
            ("policy", "approvals", "min"),
            "approvals",
            f"at least {least} approval(s) are needed for these steps",
        )
    if playbook.approvals > least:
        said = f"{least} approval(s) decide about these steps, whatever is written here; write {least}"
        yield source.finding(("policy", "approvals", "min"), "approvals", said)
    if not 60 <= playbook.expires_s <= 900:
        yield source.finding(
            ("policy", "approvals", "expires"), "bounds", "a proposal must expire after 1m to 15m"
        )


def _tier(source: Source, playbook: Playbook) -> Iterator[Finding]:
    if playbook.tier is not Tier.AUTO:
        return
    lasting = any(step.irreversible for step in playbook.steps)
    destructive = any(action.klass is ActionClass.DESTRUCTIVE for _i, _s, action in _actions(playbook))
    if lasting or destructive:
        said = "tier auto is only for reversible steps that are not destructive"
        yield source.finding(("policy", "tier"), "tier", said)


def _caps(source: Source, playbook: Playbook) -> Iterator[Finding]:
    place = ("policy", "blast-radius")
    counted = {unit for _index, _step, action in _actions(playbook) for unit in _counted(action)}
    for unit in sorted(counted - set(playbook.blast_radius)):
        yield source.finding(place, "blast-radius", f"no cap for {unit!r}, which the steps touch")
    for unit in sorted(set(playbook.blast_radius) - counted):
        yield source.finding((*place, unit), "blast-radius", f"no step counts {unit!r}")


def _reachable(source: Source, playbook: Playbook) -> Iterator[Finding]:
    for index, cause in enumerate(playbook.causes):
        if cause in _NEVER_OFFERED:
            said = f"never chosen: nothing is offered where the cause is {cause.value}"
            yield source.finding(("match", "causes", index), "unreachable-match", said)


_RULES: tuple[_Rule, ...] = (
    _file_name,
    _known_actions,
    _targets,
    _input_sources,
    _input_bounds,
    _arguments,
    _unused,
    _conditions,
    _inverses,
    _verification,
    _approvals,
    _tier,
    _caps,
    _reachable,
)
