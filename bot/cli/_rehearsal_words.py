"""What `watchkeeper playbooks run --dry-run` prints: the bound playbook, as text or as JSON. No command itself."""

import shlex
from collections.abc import Iterator, Sequence

from bot.domain.binding import Bound
from bot.domain.canonical import Json
from bot.domain.playbook import Playbook
from bot.wiring.rehearsal import Tried

_NOT_TRIED = "not tried: no write credentials for it are configured here"


def rehearsal_lines(playbook: Playbook, bound: Bound, tried: Sequence[Tried]) -> Iterator[str]:
    """Lines for a terminal."""
    yield f"{playbook.name}: {bound.target.name}"
    yield f"class {bound.klass.value}, tier at most {playbook.tier.value}, approvals {playbook.approvals}"
    touches = ", ".join(
        f"{count} {unit} (cap {playbook.blast_radius[unit]})" for unit, count in bound.blast_radius.items()
    )
    yield f"touches {touches or 'nothing'}"
    for number, one in enumerate(tried, start=1):
        step = one.step
        yield ""
        yield f"{number}. {step.action} on {step.target.kind} {step.target.scope}/{step.target.name}"
        yield f"   runs     {shlex.join(step.command)}"
        yield from (f"   stdin    {line}" for line in step.stdin.splitlines())
        yield f"   undo     {_undo(one)}"
        yield f"   needs    {', '.join(f'{field}={value}' for field, value in step.expect.items())}"
        yield f"   dry run  {_said(one)}"
    yield ""
    for check in playbook.verify:
        yield f"then {check.signal} of {check.of} below {check.below_milli / 1000:g} within {check.within_s} s"
    yield f"if that fails: {playbook.on_failure}. Nothing was changed; a plan runs only after its approval in Slack."


def rehearsal_data(playbook: Playbook, bound: Bound, tried: Sequence[Tried]) -> Json:
    """The same as data."""
    steps: list[Json] = [
        {
            "id": one.step.id,
            "action": one.step.action,
            "target": {
                "kind": one.step.target.kind,
                "scope": one.step.target.scope,
                "name": one.step.target.name,
                "uid": one.step.target.uid,
            },
            "command": list(one.step.command),
            "stdin": one.step.stdin,
            "undo": None if one.step.undo_command is None else list(one.step.undo_command),
            "expect": dict(one.step.expect),
            "dry_run": one.trouble,
        }
        for one in tried
    ]
    return {
        "playbook": playbook.id,
        "digest": playbook.digest,
        "class": bound.klass.value,
        "blast_radius": dict(bound.blast_radius),
        "steps": steps,
    }


def _undo(one: Tried) -> str:
    undo = one.step.undo_command
    if undo is None:
        return "none: this step is irreversible"
    return shlex.join(undo) if undo else "nothing to undo"


def _said(one: Tried) -> str:
    if one.trouble is None:
        return _NOT_TRIED
    return f"refused: {one.trouble}" if one.trouble else "would be done"
