"""`watchkeeper doctor`: what is set up, what is missing, and the fix for each."""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated

import typer

from bot.domain.errors import Permanent
from bot.settings import load
from bot.wiring.doctor.checkup import findings
from bot.wiring.doctor.finding import Finding, Mark, failed
from bot.wiring.logs import configure

app = typer.Typer(pretty_exceptions_enable=False)
_MARKS = {Mark.GOOD: "✔", Mark.FAILED: "✘", Mark.WARNING: "!", Mark.OFF: "–"}
_WIDTH = 24
_FAILED = 1


@app.command()
def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """One line a check; exit code 1 when something needed fails."""
    configure("doctor")
    found: list[Finding] = []
    try:
        for finding in findings(load()):
            found.append(finding)
            if not as_json:
                print(_line(finding))
    except Permanent as error:
        found.append(failed("settings", str(error), "correct it; docs/settings.md lists every setting"))
        if not as_json:
            print(_line(found[-1]))
    if as_json:
        print(json.dumps({"ok": not _bad(found), "findings": [asdict(one) for one in found]}))
    else:
        print(_sum(found))
    sys.exit(_FAILED if _bad(found) else 0)


def _line(finding: Finding) -> str:
    fix = f"\n{'':4}{'':{_WIDTH}}→ {finding.fix}" if finding.fix and finding.mark is not Mark.GOOD else ""
    return f"{_MARKS[finding.mark]}   {finding.check:{_WIDTH}}{finding.text}{fix}"


def _bad(found: Sequence[Finding]) -> list[Finding]:
    return [one for one in found if one.mark is Mark.FAILED]


def _sum(found: Sequence[Finding]) -> str:
    counts = {mark: sum(1 for one in found if one.mark is mark) for mark in Mark}
    return ", ".join(f"{count} {mark.value}" for mark, count in counts.items() if count)
