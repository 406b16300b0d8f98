"""`watchkeeper playbooks`: list, show, lint and rehearse the reviewed responses, and print their schema."""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from bot.adapters.playbooks._schema import schema_text
from bot.adapters.playbooks.yaml_files import read_folder
from bot.cli._rehearsal_words import rehearsal_data, rehearsal_lines
from bot.domain.errors import Permanent
from bot.domain.playbook import Playbook
from bot.settings import load
from bot.wiring.rehearsal import Named, rehearse

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False)
_FOUND = 1

Id = Annotated[str, typer.Argument(help="Id of the playbook.")]
Folder = Annotated[Path | None, typer.Option(help="Folder to read; the configured one without it.")]


@app.command("list")
def list_() -> None:
    """One line per playbook: id, version, tier, causes, name."""
    for playbook in _sound(None):
        causes = ",".join(cause.value for cause in playbook.causes)
        print(f"{playbook.id}  v{playbook.version}  {playbook.tier.value}  [{causes}]  {playbook.name}")


@app.command()
def show(playbook: Id) -> None:
    """A playbook as it was understood, as JSON."""
    print(json.dumps(asdict(_named(playbook)), indent=2))


@app.command()
def run(
    playbook: Id,
    service: Annotated[str, typer.Option(help="The service that would be the cause.")],
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Must be given: nothing is ever changed here.")
    ] = False,
    affected: Annotated[list[str] | None, typer.Option(help="A service that the cause struck.")] = None,
    instance: Annotated[
        list[str] | None, typer.Option(help="A single instance of it, such as a pod.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
) -> None:
    """Bind a playbook to the live inventory and try it without effect; exit code 1 where a step would be refused."""
    if not dry_run:
        message = "say --dry-run: a playbook is run by its approval in Slack and by nothing else"
        raise Permanent(message)
    chosen = _named(playbook)
    bound, tried = rehearse(chosen, Named(service, affected or (), instance or ()), load())
    if as_json:
        print(json.dumps(rehearsal_data(chosen, bound, tried), indent=2))
    else:
        print("\n".join(rehearsal_lines(chosen, bound, tried)))
    if any(one.trouble for one in tried):
        sys.exit(_FOUND)


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


def _named(playbook: str) -> Playbook:
    found = next((one for one in _sound(None) if one.id == playbook), None)
    if found is None:
        message = f"there is no playbook {playbook!r}; `watchkeeper playbooks list` shows them"
        raise Permanent(message)
    return found


def _sound(folder: Path | None) -> list[Playbook]:
    playbooks, findings = read_folder(folder or load().playbooks_dir)
    if findings:
        raise Permanent("; ".join(str(finding) for finding in findings))
    return playbooks
