"""`watchkeeper report`: the post-mortem of an incident as Markdown."""

import sys
from typing import Annotated

import typer

from bot.cli._opened import existing_store
from bot.domain.errors import Permanent
from bot.domain.postmortem import draft
from bot.ports import Transaction

_MOST = 2**31  # A longer number is no incident's, and no database would take it.

app = typer.Typer(pretty_exceptions_enable=False)


@app.command()
def report(incident: Annotated[str, typer.Argument(help="Its name, like INC-1.")]) -> None:
    """Print the draft that was posted, or, while the incident is open, one made from its log so far."""
    with existing_store() as store:
        text = store.read(lambda tx: _text(tx, incident))
    sys.stdout.write(text if text.endswith("\n") else f"{text}\n")


def _text(tx: Transaction, name: str) -> str:
    number = name.upper().removeprefix("INC-")
    asked = int(number) if number.isdecimal() else 0
    found = tx.all_incidents(limit=1, up_to=asked) if 0 < asked < _MOST else []
    row = next((one for one in found if one.number == asked), None)
    folded = tx.incident(row.id) if row else None
    if row is None or folded is None:
        message = f"there is no incident {name}; name it like INC-1"
        raise Permanent(message)
    return tx.postmortem(row.id) or draft(folded, tx.events(row.id))
