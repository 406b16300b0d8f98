"""The fixtures: one file for each monitoring system, with its calls by name and what each must become."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from bot.adapters import registry
from bot.domain.alert import Alert
from bot.domain.delivery import Delivery
from bot.domain.secret import SecretStr
from bot.ports import AlertParser
from bot.settings import Source

HERE = Path(__file__).parent / "payloads"
RECORDED, WRITTEN = "recorded from ", "written from documentation, "
AT = 1_795_334_400.0  # 2026-11-22 08:00 UTC, the time of every fixture.


@dataclass(frozen=True, slots=True)
class Case:
    """One call. `expect` is [status, severity, service, name] for each alert; `note` a part of the answer."""

    kind: str
    name: str
    body: Any
    expect: Sequence[Sequence[str]]
    changes: Sequence[Sequence[str]]
    note: str
    via: str

    @property
    def raw(self) -> bytes:
        return json.dumps(self.body).encode()

    @property
    def id(self) -> str:
        return f"{self.kind}-{self.name}"


@cache
def fixture(kind: str) -> Mapping[str, Any]:
    """The file of one system."""
    found: Mapping[str, Any] = json.loads((HERE / f"{kind}.json").read_text())
    return found


def kinds() -> list[str]:
    """Every parser of the product."""
    return registry.names("monitoring")


@cache
def parser(kind: str) -> AlertParser:
    """The parser as the product makes it."""
    module = registry.module("monitoring", kind)
    if kind == "mapped":
        names = (f"the {kind}", "s", *(f"{kind}-{scheme}" for scheme in module.FACTS.proofs))
        made: AlertParser = module.build_for(
            {
                name: Source(kind=kind, token=SecretStr("x" * 32), mapping=HERE / "mapped.toml")
                for name in names
            }
        )
    else:
        made = module.build()
    return made


def cases() -> Iterator[Case]:
    """Every call of every fixture."""
    for kind in kinds():
        for name, case in fixture(kind)["cases"].items():
            yield Case(
                kind,
                name,
                case["body"],
                case.get("expect", []),
                case.get("changes", []),
                case.get("note", ""),
                case.get("via", ""),
            )


def read(case: Case, body: bytes | None = None) -> Delivery:
    """The case through its parser."""
    return parser(case.kind).parse(body or case.raw, source=f"the {case.kind}", received_at=AT)


def words(alert: Alert) -> list[str]:
    """An alert as `expect` names it."""
    return [alert.status.value, alert.severity.value, alert.service, alert.name]
