"""Writes the made part of docs/sources/, its index and docs/openapi.json: `python -m tests.source_docs`.

A page is what its parser's FACTS say, then a line, then what people wrote; only the part above the line is made.
"""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from bot.adapters import registry
from bot.adapters.monitoring._frame import schema_of
from bot.domain.authenticity import SCHEMES, Means
from bot.domain.source_facts import SourceFacts
from bot.http.openapi import openapi
from tests.contract.monitoring.fixtures import RECORDED, fixture

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
LINE = "<!-- Above: made by `python -m tests.source_docs`. Below: by hand. -->"
_HOST = "https://HOST"
_INDEX = """# Sources

Where alerts and changes come from. One file in `bot/adapters/monitoring/` is one system; `watchkeeper sources --kinds`
lists them, `watchkeeper sources` prints the address, the set-up and the last payload of each source of yours.

| System | `kind` | Proves itself by | Fixture |
| --- | --- | --- | --- |
"""
README_HEAD = "| Fixture | Systems |\n| --- | --- |\n"


@cache
def every() -> tuple[SourceFacts, ...]:
    """The facts of every parser, by title."""
    found = [registry.module("monitoring", name).FACTS for name in registry.names("monitoring")]
    return tuple(sorted(found, key=lambda facts: facts.title.lower()))


def page(facts: SourceFacts) -> str:
    """The made part of one page."""
    address = f"{_HOST}/alerts/{facts.kind}"
    over_http = facts.kind != "slack"
    proofs = [f"{SCHEMES[name].words} (`{name}`)" for name in facts.proofs]
    rows = [
        ("Parser", f"`bot/adapters/monitoring/{facts.kind}.py`"),
        *([("Address", f"`POST /alerts/{facts.kind}`")] if over_http else []),
        *([("Proof", "; or ".join(proofs))] if over_http else []),
        *([("Largest call", _largest(facts))] if over_http else []),
        ("Whose words", f"{facts.trust.value} text"),
        ("Fixture", fixture(facts.kind)["_about"]),
    ]
    table = "\n".join(f"| {name} | {value} |" for name, value in rows)
    mapping = "\n".join(f"| {theirs} | {ours} |" for theirs, ours in facts.mapping)
    return f"""# {facts.title}

{facts.about}

| | |
| --- | --- |
{table}

## Set-up

{_settings(facts) if over_http else ""}
```
{facts.setup.format(url=address, token="TOKEN").rstrip()}
```

`watchkeeper sources` then shows the last payload; `watchkeeper sources --test NAME` sends a test alert of ours.

## What a call becomes

| In the call | Here |
| --- | --- |
{mapping}
"""


def _settings(facts: SourceFacts) -> str:
    if facts.kind == "mapped":
        return (
            '`WATCHKEEPER_SOURCES=\'{"NAME": {"kind": "mapped", "token": "TOKEN", '
            '"mapping": "/etc/watchkeeper/backups.toml"}}\'` (TOKEN: `openssl rand -hex 32`), then that file:\n'
        )
    first = SCHEMES[facts.proofs[0]]
    more = (
        '"topics": ["arn:aws:sns:REGION:ACCOUNT:TOPIC"]' if first.means is Means.SNS else '"token": "TOKEN"'
    )
    drawn = (
        ""
        if first.means is Means.SNS
        else " (TOKEN: `openssl rand -hex 32`, where the system draws none itself)"
    )
    return f"""`WATCHKEEPER_SOURCES='{{"NAME": {{"kind": "{facts.kind}", {more}}}}}'`{drawn}, then on the other side:
"""


def _largest(facts: SourceFacts) -> str:
    tokens = any(not SCHEMES[name].by_body for name in facts.proofs)
    mib = facts.most_bytes // 1024 // 1024
    return f"{mib} MiB" + (", 1 MiB with a signature" if facts.batches and tokens and _signs(facts) else "")


def _signs(facts: SourceFacts) -> bool:
    return any(SCHEMES[name].by_body for name in facts.proofs)


def index() -> str:
    """The made part of the index."""
    rows = [
        f"| [{facts.title}]({facts.kind}.md) | `{facts.kind}` | {', '.join(facts.proofs)} | {_head(facts)} |"
        for facts in every()
    ]
    return _INDEX + "\n".join(rows) + "\n"


def _head(facts: SourceFacts) -> str:
    about: str = fixture(facts.kind)["_about"]
    return about if about.startswith(RECORDED) else "written from documentation"


def readme_table() -> str:
    """The README's table: which fixtures are recordings, and which were written."""
    recorded = [facts.title for facts in every() if _head(facts).startswith(RECORDED)]
    written = [facts.title for facts in every() if not _head(facts).startswith(RECORDED)]
    return (
        README_HEAD
        + f"| recorded from the program itself | {', '.join(recorded)} |\n"
        + f"| written from its documentation | {', '.join(written)} |\n"
    )


def schemas() -> Mapping[str, tuple[dict[str, Any], dict[str, Any]]]:
    """The schema of a body for each parser that has one struct for all its calls."""
    modules = {name: registry.module("monitoring", name) for name in registry.names("monitoring")}
    return {
        name: schema_of(module._Payload, name)
        for name, module in modules.items()
        if hasattr(module, "_Payload")
    }


def with_tail(path: Path, made: str) -> str:
    """The made part, the line, and what stands below the line already."""
    old = path.read_text(encoding="utf-8") if path.exists() else ""
    tail = old.partition(LINE)[2].strip("\n")
    return f"{made.rstrip()}\n\n{LINE}\n" + (f"\n{tail}\n" if tail else "")


def written() -> Mapping[Path, str]:
    """Every file with its text of today."""
    folder = DOCS / "sources"
    pages = {folder / f"{facts.kind}.md": page(facts) for facts in every()}
    pages[folder / "index.md"] = index()
    made = {path: with_tail(path, text) for path, text in pages.items()}
    readme = ROOT / "README.md"
    before, found, after = readme.read_text(encoding="utf-8").partition(README_HEAD)
    rest = after.split("\n", 2)[2] if found else ""
    return {
        **made,
        readme: before + readme_table() + rest if found else before,
        DOCS / "openapi.json": json.dumps(openapi(every(), schemas()), indent=1, sort_keys=True) + "\n",
    }


def main() -> None:
    """Write them."""
    for path, text in written().items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
