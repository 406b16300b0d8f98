"""From checked data to a Playbook: schema faults become findings with lines, everything else is plain reading."""

import hashlib
import re
from collections.abc import Iterator, Mapping
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from bot.adapters.playbooks._findings import Finding, Source
from bot.adapters.playbooks._schema import schema
from bot.domain.evidence import CauseClass
from bot.domain.playbook import (
    MAIN_TARGET,
    Input,
    Offer,
    Playbook,
    PlaybookStep,
    Precondition,
    Tier,
    VerifyCheck,
)

_SECONDS = {"s": 1, "m": 60, "h": 3600}
_EXPECT = re.compile(r"([a-z][a-z0-9_]*)\.([a-z_]+) (==|!=|<=|>=|<|>|within) (\S+)")


def shape_findings(source: Source) -> Iterator[Finding]:
    """Every way in which the data departs from the schema, unknown keys each at their own line."""
    validator = Draft202012Validator(schema())
    for error in sorted(validator.iter_errors(source.data), key=lambda found: list(map(str, found.path))):
        yield from _explained(source, error)


def _explained(source: Source, error: ValidationError) -> Iterator[Finding]:
    place = tuple(error.absolute_path)
    if error.validator == "additionalProperties" and isinstance(error.instance, Mapping):
        known = set(error.schema["properties"]) if isinstance(error.schema, Mapping) else set()
        for key in sorted(set(error.instance) - known):
            said = f"unknown key {key!r}; known here: {', '.join(sorted(known))}"
            yield source.finding((*place, key), "unknown-key", said)
        return
    where = ".".join(str(part) for part in place) or "the file"
    yield source.finding(place, str(error.validator), f"{where}: {_words(error)}")


def _words(error: ValidationError) -> str:
    if error.validator == "pattern":
        return f"{error.instance!r} does not have the form {error.validator_value}"
    if error.validator == "oneOf":
        return f"{error.instance!r} must be an integer or exactly ${{{{ inputs.NAME }}}}"
    return str(error.message)


def seconds(text: str) -> int:
    """A duration such as 15m, 2h or 30s in seconds."""
    return int(text[:-1]) * _SECONDS[text[-1]]


def playbook_of(source: Source, content: bytes) -> Playbook:
    """Read data that has the schema's shape."""
    data: Mapping[str, Any] = source.data
    policy = data["policy"]
    return Playbook(
        id=data["id"],
        version=data["version"],
        name=data["name"],
        digest=hashlib.sha256(content).hexdigest(),
        causes=tuple(CauseClass(cause) for cause in data["match"]["causes"]),
        inputs=tuple(_input(name, item) for name, item in data["inputs"].items()),
        tier=Tier(policy["tier"]),
        approvals=policy["approvals"]["min"],
        expires_s=seconds(policy["approvals"]["expires"]),
        blast_radius=dict(policy["blast-radius"]),
        preconditions=tuple(_precondition(item) for item in data.get("preconditions", ())),
        steps=tuple(_step(item) for item in data["steps"]),
        verify=tuple(_check(item) for item in data["verify"]),
        on_failure=data["on-failure"],
        path=source.path,
        offer=Offer(data.get("offer", Offer.FIRST)),
        signals=tuple(data["match"].get("signals", ())),
    )


def _input(name: str, item: Mapping[str, Any]) -> Input:
    return Input(
        name, item["type"], item["from"], item.get("min"), item.get("max"), item.get("percent", 100),
        item.get("most", 1),
    )  # fmt: skip


def _precondition(item: Mapping[str, Any]) -> Precondition:
    found = _EXPECT.fullmatch(item["expect"])
    if found is None:
        message = f"{item['expect']!r} passed the schema and is no expectation"
        raise ValueError(message)
    of, field, operator, value = found.groups()
    value = str(seconds(value)) if operator == "within" else value
    return Precondition(item["name"], field, operator, value, of)


def _step(item: Mapping[str, Any]) -> PlaybookStep:
    arguments = {name: _argument(value) for name, value in item["with"].items()}
    return PlaybookStep(
        item["id"], item["name"], item["uses"], arguments, item.get("irreversible", False),
        item.get("on", MAIN_TARGET),
    )  # fmt: skip


def _argument(value: str | int) -> str | int:
    return value if isinstance(value, int) else value.removeprefix("${{ ").removesuffix(" }}")


def _check(item: Mapping[str, Any]) -> VerifyCheck:
    below = round(item["below"] * 1000)
    return VerifyCheck(item["signal"], below, seconds(item["within"]), item.get("of", "suspect"))
