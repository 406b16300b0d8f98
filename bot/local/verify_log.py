"""Verifies an exported log with the standard library alone: `python verify_log.py EXPORT KEYFILE [CHAIN=MAC ...]`.

It shares no code with the product; the byte format is in docs/log-format.md. Prints one JSON line, exits 1 if broken.
Each CHAIN=MAC is the start of a MAC as a card or a post-mortem shows it: that event must still be in its chain.
"""

import base64
import hashlib
import hmac
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any


class Chain:
    """What was read of one chain so far."""

    def __init__(self) -> None:
        self.macs: list[bytes] = []
        self.tenants: set[str] = set()
        self.ended = False


def verify(lines: list[str], key: bytes, anchors: Mapping[str, str] | None = None) -> dict[str, object]:
    """Check every chain of an export; `broken` lists what is wrong in words."""
    chains: dict[str, Chain] = {}
    broken: list[str] = []
    for number, line in enumerate(lines, start=1):
        try:
            row = json.loads(line)
            chain = chains.setdefault(row["chain"], Chain())
            found = _end(chain, row) if "head_seq" in row else _event(chain, row, key)
        except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
            found = f"line {number} cannot be read"
        if found:
            broken.append(found)
    broken += [f"{name}: its end is missing" for name, chain in chains.items() if not chain.ended]
    for name, mac in (anchors or {}).items():
        known = chains[name].macs if name in chains else []
        if not any(one.hex().startswith(mac) for one in known):
            broken.append(f"{name}: the event with the MAC {mac} is gone")
    if len({tenant for chain in chains.values() for tenant in chain.tenants}) > 1:
        broken.append("the events are of several tenants")
    count = sum(len(chain.macs) for chain in chains.values())
    return {"events": count, "chains": len(chains), "broken": broken[:20]}


def _event(chain: Chain, row: Mapping[str, Any], key: bytes) -> str:
    """One event: its place, its MAC, and that nothing stands after the end."""
    record = base64.b64decode(row["record"], validate=True)
    previous = chain.macs[-1] if chain.macs else bytes(32)
    chain.macs.append(hmac.new(key, previous + record, hashlib.sha256).digest())
    fields = json.loads(record)
    chain.tenants.add(fields["tenant"])
    place = (len(chain.macs), row["chain"])
    if (row["seq"], row["chain"]) != place or (fields["seq"], fields["chain"]) != place or chain.ended:
        return f"{row['chain']}: event {row['seq']} is out of place"
    if chain.macs[-1].hex() != row["mac"]:
        return f"{row['chain']}: event {row['seq']} or one before it was changed"
    return ""


def _end(chain: Chain, row: Mapping[str, Any]) -> str:
    """The anchored end of a chain, once."""
    last = chain.macs[-1].hex() if chain.macs else ""
    right = not chain.ended and (row["head_seq"], row["head_mac"]) == (len(chain.macs), last)
    chain.ended = True
    return "" if right else f"{row['chain']}: its end is not the anchored one"


def main() -> int:
    """Read the files named on the command line and report."""
    export, key_file, *given = sys.argv[1:]
    anchors = dict(one.split("=", 1) for one in given)
    found = verify(Path(export).read_text().splitlines(), Path(key_file).read_bytes().strip(), anchors)
    sys.stdout.write(json.dumps(found) + "\n")
    return 1 if found["broken"] else 0


if __name__ == "__main__":
    sys.exit(main())
