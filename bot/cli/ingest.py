"""`watchkeeper ingest FILE --source NAME`: take a payload from a file or a pipe, as if its system had sent it."""

import json
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from bot.cli._opened import existing_store
from bot.domain.authenticity import id_key
from bot.domain.delivery import Delivery
from bot.domain.errors import Permanent
from bot.domain.source_facts import BATCH_BYTES
from bot.ports import Transaction
from bot.settings import load
from bot.wiring.parts import SystemClock, parsers

app = typer.Typer(pretty_exceptions_enable=False)


@app.command()
def ingest(
    file: Annotated[str, typer.Argument(help="A file, or - for standard input.")],
    source: Annotated[str, typer.Option(help="Name of a configured source.")],
    lines: Annotated[bool, typer.Option("--lines", help="Each line is a payload of its own.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print what it would become; store nothing.")
    ] = False,
) -> None:
    """Read and check every payload first; all are stored, or none where one cannot be read."""
    settings = load()
    known = settings.sources.get(source)
    if known is None:
        message = f"there is no source {source!r}; known: {', '.join(sorted(settings.sources)) or 'none'}"
        raise Permanent(message)
    parser, now = parsers(settings)[known.kind], SystemClock().now()
    bodies = [part for part in _content(file).split(b"\n") if part.strip()] if lines else [_content(file)]
    parts = [(body, parser.parse(body, source=source, received_at=now)) for body in bodies]
    if dry_run:
        for _, delivery in parts:
            _shown(delivery)
        return
    with existing_store() as store:
        new = store.transact(partial(_stored, source=source, kind=known.kind, parts=parts, now=now))
    alerts = sum(len(delivery.alerts) for delivery in new)
    changes = sum(len(delivery.changes) for delivery in new)
    before = f", {len(parts) - len(new)} were taken before" if len(new) < len(parts) else ""
    print(f"{len(new)} payloads taken{before}: {alerts} alerts, {changes} changes.")
    for note in dict.fromkeys(delivery.note for delivery in new if delivery.note):
        print(f"Note: {note}")


def _stored(
    tx: Transaction, *, source: str, kind: str, parts: Sequence[tuple[bytes, Delivery]], now: float
) -> list[Delivery]:
    """Store what was not taken before; returns what that says."""
    new = []
    for body, delivery in parts:
        if delivery.once and not tx.first_delivery(source, id_key(delivery.once), at=now):
            continue
        tx.add_raw(source, kind, body, received_at=now)
        new.append(delivery)
    return new


def _content(file: str) -> bytes:
    """All of it; raises Permanent where it cannot be read or is larger than any call may be."""
    try:
        content = sys.stdin.buffer.read(BATCH_BYTES + 1) if file == "-" else Path(file).read_bytes()
    except OSError as error:
        message = f"{file} cannot be read: {error.strerror}"
        raise Permanent(message) from error
    if len(content) > BATCH_BYTES:
        message = f"{file} is larger than {BATCH_BYTES // 1024 // 1024} MiB; split it"
        raise Permanent(message)
    return content


def _shown(delivery: Delivery) -> None:
    for alert in delivery.alerts:
        row = {
            "status": alert.status.value,
            "severity": alert.severity.value,
            "service": alert.service,
            "name": alert.name,
            "summary": alert.summary,
            "fingerprint": alert.fingerprint,
            "labels": dict(alert.labels),
        }
        print(json.dumps(row))
    for change in delivery.changes:
        print(json.dumps({"change": change.kind.value, "service": change.service, "title": change.title}))
    if delivery.note:
        print(json.dumps({"note": delivery.note}))
