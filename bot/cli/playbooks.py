"""`watchkeeper playbooks`: list, show and lint the reviewed responses, and print their schema."""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from bot.adapters.playbooks._schema import schema_text
from bot.adapters.playbooks.yaml_files import read_folder
from bot.domain.errors import Permanent
from bot.domain.playbook import Playbook
from bot.settings import load

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False)
_FOUND = 1

Folder = Annotated[Path | None, typer.Option(help="Folder to read; the configured one without it.")]


@app.command("list")
def list_() -> None:
    """One line per playbook: id, version, tier, causes, name."""
    for playbook in _sound(None):
        causes = ",".join(cause.value for cause in playbook.causes)
        print(f"{playbook.id}  v{playbook.version}  {playbook.tier.value}  [{causes}]  {playbook.name}")


@app.command()
def show(playbook: Annotated[str, typer.Argument(help="Id of the playbook.")]) -> None:
    """A playbook as it was understood, as JSON."""
    found = next((one for one in _sound(None) if one.id == playbook), None)
    if found is None:
        message = f"there is no playbook {playbook!r}; `watchkeeper playbooks list` shows them"
        raise Permanent(message)
    print(json.dumps(asdict(found), indent=2))


@app.command()
def lint(folder: Folder = None) -> None:
    """Check every file; each finding is `file:line: message [rule]`, and any makes the exit code 1."""
    playbooks, findings = read_folder(folder or load().playbooks_dir)
    for finding in findings:
        print(finding)
    if findings:
        sys.exit(_FOUND)
    print(f"{len(playbooks)} playbooks, no findings")


@app.command()
def schema() -> None:
    """The JSON Schema that is published as playbook.schema.json, for editors."""
    sys.stdout.write(schema_text())


def _sound(folder: Path | None) -> list[Playbook]:
    playbooks, findings = read_folder(folder or load().playbooks_dir)
    if findings:
        raise Permanent("; ".join(str(finding) for finding in findings))
    return playbooks
