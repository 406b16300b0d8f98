"""`watchkeeper audit`: verify the log, and export it for anybody's verifier."""

import base64
import json
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from bot.adapters.package_files import MANIFEST, digest_of, faults_of
from bot.adapters.store.sql import keys_of
from bot.cli._opened import existing_store
from bot.domain.event import Event, EventType, first_break
from bot.ports import Store, Transaction
from bot.settings import load

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False)
_BROKEN = 1
_ALL = 1_000_000


@app.command()
def verify() -> None:
    """Check every chain against its MACs and its anchored head; exit 1 when one is broken."""
    key = keys_of(load()).audit
    broken = 0
    with existing_store() as store:
        chains = _chains(store)
        for chain in chains:
            found, count = store.read(partial(_judged, key=key, chain=chain, tenant=store.tenant))
            print(f"{chain}: {found or f'{count} events, unbroken'}")
            broken += bool(found)
    if not chains:
        print("there is no log in this database: nothing was verified")
    sys.exit(_BROKEN if broken or not chains else 0)


@app.command()
def export(
    out: Annotated[Path | None, typer.Option(help="File to write; standard output without it.")] = None,
) -> None:
    """Write every event as one JSON line: {chain, seq, record, mac}; then one {chain, head_seq, head_mac} a chain."""
    lines: list[str] = []
    with existing_store() as store:
        log = _whole_log(store)
    for chain, events, head in log:
        for event in events:
            record = base64.b64encode(event.record).decode()
            line = {"chain": chain, "seq": event.seq, "record": record, "mac": event.mac.hex()}
            lines.append(json.dumps(line, sort_keys=True))
        if head:
            lines.append(json.dumps({"chain": chain, "head_seq": head[0], "head_mac": head[1].hex()}))
    text = "\n".join(lines) + "\n"
    if out is None:
        sys.stdout.write(text)
    else:
        out.write_text(text)


@app.command()
def package(
    folder: Annotated[Path, typer.Argument(help="The package's folder, with its manifest.json.")],
    manifest: Annotated[
        str,
        typer.Option(help="SHA-256 of the manifest as the log says it; without it the log here is searched."),
    ] = "",
) -> None:
    """Check a forensic package: each file against its manifest, the manifest against the log; exit 1 when one differs."""
    faults = faults_of(folder)
    found = digest_of(folder / MANIFEST)
    if manifest:
        where = "the hash that was given" if manifest.lower() == found else ""
    else:
        where = _logged(found) if found else ""
    if not where:
        faults.append(f"manifest {found or 'none'} is not the one that the log holds")
    for fault in faults:
        print(fault)
    print(f"{folder}: {'changed' if faults else f'whole and unchanged, by {where}'}")
    sys.exit(_BROKEN if faults else 0)


def _logged(digest: str) -> str:
    """The place in an unbroken chain where a step's result names this manifest; empty where none does."""
    key = keys_of(load()).audit
    with existing_store() as store:
        for chain, events, _head in _whole_log(store):
            for event in events:
                said = str(event.body.get("detail", "")) if event.type is EventType.STEP_DONE else ""
                if f"manifest {digest}" in said:
                    broken, _count = store.read(partial(_judged, key=key, chain=chain, tenant=store.tenant))
                    return "" if broken else f"event {event.seq} of {chain}"
    return ""


def _chains(store: Store) -> list[str]:
    """Every chain that has an end, and every incident, whose chain may have been taken away."""
    known = store.read(lambda tx: [*tx.chains(), *(row.id for row in tx.all_incidents(limit=_ALL))])
    return sorted(set(known))


def _judged(tx: Transaction, *, key: bytes, chain: str, tenant: str) -> tuple[str, int]:
    """What is wrong with one chain, or an empty string, and how many events it has."""
    try:
        events, head = tx.events(chain), tx.head(chain)
        if head is None:
            return "its log is gone", 0
        found = first_break(key, ((e.seq, e.record, e.mac) for e in events), head, of=(tenant, chain))
    except (ValueError, TypeError) as error:
        return f"an event cannot be read ({error})", 0
    return found or "", len(events)


def _whole_log(store: Store) -> list[tuple[str, Sequence[Event], tuple[int, bytes] | None]]:
    return store.read(lambda tx: [(chain, tx.events(chain), tx.head(chain)) for chain in tx.chains()])
