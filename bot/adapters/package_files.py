"""A forensic package on disk: its manifest, the hashes in it, and whether a folder still is what its manifest says.

Shared by the executor that takes packages and by the command that checks them; reads and hashes in small pieces.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

MANIFEST = "manifest.json"
_PIECE = 1 << 20


def digest_of(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal; empty where there is none."""
    if not path.is_file() or path.is_symlink():
        return ""
    found = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            found.update(piece)
    return found.hexdigest()


def faults_of(folder: Path) -> list[str]:
    """Everything in which the folder differs from its manifest; empty where it is whole and unchanged."""
    try:
        listed = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["files"]
        wanted = {str(one["name"]): str(one["sha256"]) for one in listed}
    except (OSError, ValueError, KeyError, TypeError):
        return [f"{MANIFEST} is missing or cannot be read"]
    faults = [fault for name, digest in sorted(wanted.items()) if (fault := _fault(folder, name, digest))]
    there = {path.name for path in folder.iterdir()} - {MANIFEST}
    return faults + [f"{name} is not in the manifest" for name in sorted(there - set(wanted))]


def _fault(folder: Path, name: str, digest: str) -> str:
    if Path(name).name != name or name in ("", ".", ".."):
        return f"{name!r} is no plain file name"
    found = digest_of(folder / name)
    if not found:
        return f"{name} is missing"
    return (
        "" if found == digest else f"{name} was changed: its SHA-256 is {found}, the manifest says {digest}"
    )


def pretty(value: Any) -> str:
    """JSON for people and for hashing: sorted, one item a line."""
    return json.dumps(value, indent=1, sort_keys=True)
