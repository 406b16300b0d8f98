"""Promise 16: an edited history shows. Random tamperings of an exported log, judged by two independent verifiers."""

import base64
import json
import random
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bot.adapters.store.sql import SqlStore
from bot.domain.canonical import canonical
from bot.domain.event import EventType, NewEvent, first_break, link
from bot.local import verify_log
from tests.e2e.command import ROOT, minimum, watchkeeper
from tests.promises.conftest import Tally

FULL = 10_000
KEY, WRONG = b"a" * 32, b"b" * 32
IN_A_PROCESS = 250  # One tampering in so many is judged by the stand-alone verifier in a process of its own.
Row = dict[str, Any]
VERIFIER = ROOT / "bot" / "local" / "verify_log.py"


def plant(monkeypatch: pytest.MonkeyPatch) -> None:
    """Verifiers that look at the order but believe every MAC."""
    monkeypatch.setattr("bot.domain.event.hmac.compare_digest", lambda *_: True)
    monkeypatch.setattr(verify_log, "verify", lambda _lines, _key, _anchors: {"broken": []})


@dataclass
class Export:
    """The lines of an export by chain, and what people hold copies of: the end of each chain."""

    chains: dict[str, list[Row]]
    heads: dict[str, tuple[int, bytes]]

    def copy(self) -> dict[str, list[Row]]:
        return {chain: [dict(row) for row in found] for chain, found in self.chains.items()}


def lines_of(chains: dict[str, list[Row]]) -> list[str]:
    return [json.dumps(row) for found in chains.values() for row in found]


def append(store: SqlStore, chain: str, new: NewEvent, at_ms: int) -> None:
    store.transact(lambda tx: tx.append(chain, [new], at_ms=at_ms))


@pytest.fixture
def export(store: SqlStore, tmp_path: Path) -> Export:
    """Written by the real command from a real database: three incidents and the tenant's own chain."""
    seeded = random.Random(16)
    types = [EventType.NOTE_ADDED, EventType.STATUS_CHANGED, EventType.EVIDENCE_COLLECTED]
    for chain, length in (("tenant", 9), ("inc-one", 25), ("inc-two", 12), ("inc-three", 1)):
        for at in range(length):
            body = {
                "by": f"U{seeded.randrange(99)}",
                "text": seeded.randbytes(20).hex(),
                "n": at,
                "x": 0.25 * at,
            }
            new = NewEvent(seeded.choice(types), body)
            append(store, chain, new, 1000 + at)
    done = watchkeeper("audit", "export", settings=minimum(tmp_path))
    assert done.returncode == 0, done.stderr
    chains: dict[str, list[Row]] = {}
    heads: dict[str, tuple[int, bytes]] = {}
    for line in done.stdout.splitlines():
        row = json.loads(line)
        chains.setdefault(row["chain"], []).append(row)
        if "head_seq" in row:
            heads[row["chain"]] = (row["head_seq"], bytes.fromhex(row["head_mac"]))
    return Export(chains, heads)


def record_of(row: Row) -> bytes:
    return base64.b64decode(row["record"])


def with_record(row: Row, record: bytes) -> Row:
    return {**row, "record": base64.b64encode(record).decode()}


def rechained(rows: Sequence[Row], first: int, key: bytes, previous: bytes) -> list[Row]:
    """The MACs from `first` on, calculated anew."""
    made = list(rows[:first])
    for row in rows[first:]:
        previous = link(key, previous, record_of(row))
        made.append({**row, "mac": previous.hex()})
    return made


def flip(rows: list[Row], seeded: random.Random) -> list[Row]:
    at = seeded.randrange(len(rows))
    record = bytearray(record_of(rows[at]))
    record[seeded.randrange(len(record))] ^= 1 << seeded.randrange(8)
    rows[at] = with_record(rows[at], bytes(record))
    return rows


def edit(rows: list[Row], seeded: random.Random) -> list[Row]:
    """Another approver, another time, another type: well-formed and canonical."""
    at = seeded.randrange(len(rows))
    fields = json.loads(record_of(rows[at]))
    change = seeded.choice(["by", "at_ms", "type", "tenant", "n"])
    if change in ("by", "n"):
        fields["body"][change] = "U-SOMEBODY-ELSE"
    else:
        fields[change] = {"at_ms": fields["at_ms"] + 1, "type": "verified", "tenant": "other"}[change]
    rows[at] = with_record(rows[at], canonical(fields))
    return rows


def edit_mac(rows: list[Row], seeded: random.Random) -> list[Row]:
    at = seeded.randrange(len(rows))
    mac = bytearray.fromhex(rows[at]["mac"])
    mac[seeded.randrange(len(mac))] ^= 1 << seeded.randrange(8)
    rows[at]["mac"] = mac.hex()
    return rows


def delete(rows: list[Row], seeded: random.Random) -> list[Row]:
    del rows[seeded.randrange(len(rows))]
    return rows


def delete_and_close_up(rows: list[Row], seeded: random.Random) -> list[Row]:
    """Remove an event and number the rest as if it had never been."""
    at = seeded.randrange(len(rows))
    rest = rows[:at]
    for row in rows[at + 1 :]:
        fields = json.loads(record_of(row))
        fields["seq"] -= 1
        rest.append({**with_record(row, canonical(fields)), "seq": row["seq"] - 1})
    return rest


def swap(rows: list[Row], seeded: random.Random) -> list[Row]:
    if len(rows) < 2:
        return delete(rows, seeded)
    one, two = seeded.sample(range(len(rows)), 2)
    rows[one], rows[two] = rows[two], rows[one]
    if seeded.random() < 0.5:
        rows[one]["seq"], rows[two]["seq"] = rows[two]["seq"], rows[one]["seq"]
    return rows


def insert(rows: list[Row], seeded: random.Random) -> list[Row]:
    """A copy of an event, or an invented one signed with a key that is not ours."""
    at = seeded.randrange(len(rows) + 1)
    row = dict(seeded.choice(rows))
    fields = json.loads(record_of(row))
    if seeded.random() < 0.7:
        fields["seq"] = at + 1
        fields["body"] = {"invented": seeded.random()}
        previous = bytes.fromhex(rows[at - 1]["mac"]) if at else bytes(32)
        record = canonical(fields)
        row = {**with_record(row, record), "seq": at + 1, "mac": link(WRONG, previous, record).hex()}
    return [*rows[:at], row, *rows[at:]]


def truncate(rows: list[Row], seeded: random.Random) -> list[Row]:
    return rows[: seeded.randrange(len(rows))]


def rechain(rows: list[Row], seeded: random.Random) -> list[Row]:
    """Edit one event and sign it and everything after it with a wrong key."""
    at = seeded.randrange(len(rows))
    fields = json.loads(record_of(rows[at]))
    fields["body"]["by"] = "U-SOMEBODY-ELSE"
    rows[at] = with_record(rows[at], canonical(fields))
    return rechained(rows, at, WRONG, bytes.fromhex(rows[at - 1]["mac"]) if at else bytes(32))


TAMPERINGS = (flip, edit, edit_mac, delete, delete_and_close_up, swap, insert, truncate, rechain)


def tampered(export: Export, number: int, seeded: random.Random) -> tuple[str, str, dict[str, list[Row]]]:
    """One tampering: its name, the chain to look at and the whole log after it."""
    chains = export.copy()
    name = seeded.choice(list(chains))
    kind = number % (len(TAMPERINGS) + 3)
    if kind < len(TAMPERINGS):
        how = TAMPERINGS[kind]
        *rows, end = chains[name]
        chains[name] = how(rows, seeded)
        # Who can write the events may write what the database holds as their end, too; people hold the other copy.
        if chains[name] and seeded.random() < 0.5:
            last = chains[name][-1]
            end = {**end, "head_seq": last["seq"], "head_mac": last["mac"]}
        chains[name].append(end)
        return how.__name__, name, chains
    other = seeded.choice([one for one in chains if one != name])
    if kind == len(TAMPERINGS):
        moved = chains[other].pop(seeded.randrange(len(chains[other]) - 1))
        end = chains[name].pop()
        chains[name] += [{**moved, "chain": name, "seq": len(chains[name]) + 1}, end]
        return "move one event", name, chains
    if kind == len(TAMPERINGS) + 1:
        chains[name], chains[other] = (
            [{**row, "chain": name} for row in chains[other]],
            [{**row, "chain": other} for row in chains[name]],
        )
        return "swap two chains", name, chains
    del chains[name]
    return "take a chain away", name, chains


def seen_by_the_product(export: Export, name: str, chains: dict[str, list[Row]]) -> bool:
    events = [row for row in chains.get(name, []) if "seq" in row]
    triples = [(row["seq"], record_of(row), bytes.fromhex(row["mac"])) for row in events]
    return first_break(KEY, triples, export.heads[name], of=("main", name)) is not None


def anchors_of(export: Export) -> dict[str, str]:
    """As cards and post-mortems show them."""
    return {name: mac.hex()[:12] for name, (_, mac) in export.heads.items()}


def judged_apart(lines: list[str], anchors: dict[str, str], folder: Path) -> dict[str, Any]:
    (folder / "log.jsonl").write_text("\n".join(lines) + "\n")
    (folder / "audit.key").write_bytes(KEY)
    given = [f"{name}={mac}" for name, mac in anchors.items()]
    command = [
        sys.executable,
        "-I",
        str(VERIFIER),
        str(folder / "log.jsonl"),
        str(folder / "audit.key"),
        *given,
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.stderr == "", done.stderr
    report = dict(json.loads(done.stdout))
    assert done.returncode == bool(report["broken"])
    return report


def by_hand(tally: Tally, store: SqlStore, tmp_path: Path) -> None:
    """`watchkeeper audit verify` on a database in which somebody writes."""
    changes = (
        "UPDATE events SET record = replace(record, 'U', 'V') WHERE chain = 'inc-one' AND seq = 3",
        "UPDATE events SET record = 'gone' WHERE chain = 'inc-two' AND seq = 2",
        "DELETE FROM events WHERE chain = 'inc-one' AND seq > 20",
        "UPDATE chains SET chain = 'inc-four' WHERE chain = 'inc-three'",
    )
    sound = watchkeeper("audit", "verify", settings=minimum(tmp_path))
    assert sound.returncode == 0, sound.stdout + sound.stderr
    for change in changes[: tally.size(4, least=2)]:
        connection = store.engine.raw_connection()
        connection.executescript("".join(f"DROP TRIGGER IF EXISTS {name};" for name in triggers(connection)))
        connection.execute(change)
        connection.commit()
        connection.close()
        found = watchkeeper("audit", "verify", settings=minimum(tmp_path))
        tally.check(
            found.returncode == 1 and not found.stderr, f"{change}: {found.stdout}{found.stderr}"[:300]
        )


def triggers(connection: Any) -> list[str]:
    return [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")]


@pytest.mark.timeout(300)
def test_every_tampering_is_found(
    promise: Callable[[int], Tally], export: Export, store: SqlStore, tmp_path: Path
) -> None:
    tally, seeded, anchors = promise(16), random.Random(1616), anchors_of(export)
    sound = judged_apart(lines_of(export.chains), anchors, tmp_path)
    assert sound == {"events": 47, "chains": 4, "broken": []}
    assert not any(seen_by_the_product(export, name, export.chains) for name in export.chains)
    for number in range(tally.size(FULL)):
        how, name, chains = tampered(export, number, seeded)
        lines = lines_of(chains)
        tally.tried()
        if not seen_by_the_product(export, name, chains):
            tally.broken(f"{how} in {name}: not seen by the product's verifier")
        found = verify_log.verify(lines, KEY, anchors)
        if not found["broken"]:
            tally.broken(f"{how} in {name}: not seen by the stand-alone verifier")
        if number % IN_A_PROCESS == 0:
            report = judged_apart(lines, anchors, tmp_path)
            if not report["broken"]:
                tally.broken(f"{how} in {name}: not seen by the verifier in a process of its own")
    by_hand(tally, store, tmp_path)
