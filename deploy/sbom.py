#!/usr/bin/env python3
"""Writes the image's bill of materials, CycloneDX 1.6, from the image's lock; `make sbom` keeps deploy/sbom.json.

It needs no network and no package: what the lock names with its hashes is all that can be installed. Licences are
those that installed packages state; a package for another platform has none here.
"""

import hashlib
import json
import re
import sys
import uuid
from importlib import metadata
from pathlib import Path
from typing import Any

_PIN = re.compile(r"^([a-z0-9][a-z0-9._-]*(?:\[[a-z,]+\])?)==([0-9][A-Za-z0-9.+!]*)", re.MULTILINE)
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")
_SPACE = uuid.UUID("6ba7b811-9dad-11d1-80b4-00c04fd430c8")


def components(lock: str) -> list[dict[str, Any]]:
    """One component for each pinned package of the lock's text."""
    found = []
    marks = list(_PIN.finditer(lock))
    for at, mark in enumerate(marks):
        end = marks[at + 1].start() if at + 1 < len(marks) else len(lock)
        name, version = mark[1].partition("[")[0], mark[2]
        purl = f"pkg:pypi/{name}@{version}"
        hashes = [{"alg": "SHA-256", "content": digest} for digest in _HASH.findall(lock, mark.start(), end)]
        one = {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl}
        found.append({**one, "licenses": _licences(name), "hashes": hashes})
    return found


def bill(lock: str) -> dict[str, Any]:
    """The whole document; the same lock gives the same text."""
    digest = hashlib.sha256(lock.encode()).hexdigest()
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(_SPACE, digest)}",
        "version": 1,
        "metadata": {"component": {"type": "application", "bom-ref": "watchkeeper", "name": "watchkeeper"}},
        "components": components(lock),
    }


def _licences(name: str) -> list[dict[str, Any]]:
    try:
        about = metadata.metadata(name).json
    except metadata.PackageNotFoundError:
        return []
    if "license_expression" in about:
        return [{"expression": about["license_expression"]}]
    named = [
        line.rpartition(" :: ")[2]
        for line in about.get("classifier", [])
        if line.startswith("License ::") and line != "License :: OSI Approved"
    ]
    stated = str(about.get("license", ""))
    named = named or ([stated] if 0 < len(stated) < 80 else [])
    return [{"license": {"name": one}} for one in dict.fromkeys(named)]


if __name__ == "__main__":
    here = Path(__file__).parent
    text = (here / "requirements-image.lock").read_text(encoding="utf-8")
    sys.stdout.write(json.dumps(bill(text), indent=1) + "\n")
