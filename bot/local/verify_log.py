"""Verifies an exported log with the standard library alone: `python verify_log.py EXPORT KEYFILE`.

It shares no code with the product; the byte format is in docs/log-format.md. Prints one JSON line, exits 1 if broken.
"""

import base64
import hashlib
import hmac
import json
import sys
from pathlib import Path


def verify(lines: list[str], key: bytes) -> dict[str, object]:
    """Check every chain of an export; `broken` lists what is wrong in words."""
    macs: dict[str, bytes] = {}
    counts: dict[str, int] = {}
    broken: list[str] = []
    for line in lines:
        row = json.loads(line)
        chain = row["chain"]
        if "head_seq" in row:
            if (row["head_seq"], row["head_mac"]) != (counts.get(chain, 0), macs.get(chain, b"").hex()):
                broken.append(f"{chain}: its end is not the anchored one")
            continue
        record = base64.b64decode(row["record"])
        counts[chain] = counts.get(chain, 0) + 1
        macs[chain] = hmac.new(key, macs.get(chain, bytes(32)) + record, hashlib.sha256).digest()
        fields = json.loads(record)
        if row["seq"] != counts[chain] or fields["seq"] != row["seq"] or fields["chain"] != chain:
            broken.append(f"{chain}: event {row['seq']} is out of place")
        if macs[chain].hex() != row["mac"]:
            broken.append(f"{chain}: event {row['seq']} or one before it was changed")
    return {"events": sum(counts.values()), "chains": len(counts), "broken": broken[:20]}


def main() -> int:
    """Read the files named on the command line and report."""
    export, key_file = sys.argv[1:3]
    found = verify(Path(export).read_text().splitlines(), Path(key_file).read_bytes().strip())
    sys.stdout.write(json.dumps(found) + "\n")
    return 1 if found["broken"] else 0


if __name__ == "__main__":
    sys.exit(main())
