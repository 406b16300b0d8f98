"""What a well-shaped playbook can still get wrong: each rule is one function that yields findings with lines."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from bot.adapters.playbooks._findings import Finding, Source
from bot.domain.actions import ACTIONS
from bot.domain.catalogue import Action, Param
from bot.domain.evidence import CauseClass
from bot.domain.plan import ActionClass
from bot.domain.playbook import (
    LIVE_FIELDS,
    TARGET_KINDS,
    Input,
    Playbook,
    PlaybookStep,
    Tier,
)

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


def _one_target(source: Source, playbook: Playbook) -> Iterator[Finding]:
    targets = [item for item in playbook.inputs if item.type in TARGET_KINDS]
    if len(targets) != 1 or targets[0].name != "target":
        yield source.finding(
            ("inputs",), "target", "exactly one input has a target kind, and it is named target"
        )
        return
    for index, step, action in _actions(playbook):
        if action.target_kind != targets[0].type:
            said = f"{step.uses} acts on {action.target_kind}, but the target is a {targets[0].type}"
            yield source.finding(("steps", index, "uses"), "target", said)


def _input_sources(source: Source, playbook: Playbook) -> Iterator[Finding]:
    fields = _live_fields(playbook)
    for item in playbook.inputs:
        place = ("inputs", item.name, "from")
        if (item.type in TARGET_KINDS) != (item.source == "incident.suspect"):
            yield source.finding(
                place, "input-source", "a target comes from incident.suspect, nothing else does"
            )
        elif item.type not in TARGET_KINDS and item.source.removeprefix("target.") not in fields:
            yield source.finding(
                place, "input-source", f"{item.source} is no live field; known: {', '.join(sorted(fields))}"
            )


def _live_fields(playbook: Playbook) -> frozenset[str]:
    kinds = [item.type for item in playbook.inputs if item.type in TARGET_KINDS]
    return frozenset().union(*(LIVE_FIELDS[kind] for kind in kinds))


def _input_bounds(source: Source, playbook: Playbook) -> Iterator[Finding]:
    for item in playbook.inputs:
        place = ("inputs", item.name)
        if item.type != "integer":
            if item.minimum is not None or item.maximum is not None or item.percent != 100:
                yield source.finding(place, "bounds", f"{item.name}: only integers have min, max and percent")
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
        if item.type not in TARGET_KINDS and f"inputs.{item.name}" not in used:
            yield source.finding(("inputs", item.name), "unused-input", f"input {item.name!r} is never used")


def _conditions(source: Source, playbook: Playbook) -> Iterator[Finding]:
    fields = _live_fields(playbook)
    names = {item.name for item in playbook.inputs if item.type not in TARGET_KINDS}
    for index, condition in enumerate(playbook.preconditions):
        place = ("preconditions", index, "expect")
        read = [condition.field]
        if condition.value.startswith("target."):
            read.append(condition.value.removeprefix("target."))
        for field in read:
            if field not in fields:
                yield source.finding(place, "precondition", f"target.{field} is no live field of the target")
        if condition.value.startswith("inputs.") and condition.value.removeprefix("inputs.") not in names:
            yield source.finding(place, "undeclared-input", f"{condition.value} is not declared under inputs")


def _inverses(source: Source, playbook: Playbook) -> Iterator[Finding]:
    for index, step, action in _actions(playbook):
        if not _has_inverse(action) and not step.irreversible:
            said = f"{step.uses} has no inverse: say `irreversible: true`"
            yield source.finding(("steps", index), "irreversible", said)
        if step.irreversible and index != len(playbook.steps) - 1:
            yield source.finding(
                ("steps", index), "irreversible", "an irreversible step must be the last one"
            )
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
    _one_target,
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
