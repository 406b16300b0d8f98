"""Reads the playbooks in a child: a reader of YAML and of schemas, 5 MB, is wanted once and would stay for weeks.

For processes that only look at playbooks; those that carry them out read the files themselves.
"""

import os
from collections.abc import Sequence

import msgspec

from bot.adapters import registry
from bot.boundary import guarded
from bot.domain.errors import Permanent
from bot.domain.playbook import Playbook
from bot.settings import Settings


class _Read(msgspec.Struct):
    """What the child found: playbooks, or why there are none."""

    playbooks: list[Playbook] = []
    refused: str = ""


def playbooks_of(settings: Settings) -> Sequence[Playbook]:
    """As the adapter reads them; raises Permanent with its words."""
    end, begin = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            read = guarded("reading the playbooks", lambda: _read(settings))
            with os.fdopen(begin, "wb") as pipe:
                pipe.write(msgspec.json.encode(read) if read else b"")
        finally:
            os._exit(0)
    os.close(begin)
    with os.fdopen(end, "rb") as pipe:
        told = pipe.read()
    os.waitpid(child, 0)
    if not told:
        message = f"the playbooks of {settings.playbooks_dir} could not be read: their reader ended"
        raise Permanent(message)
    found = msgspec.json.decode(told, type=_Read)
    if found.refused:
        raise Permanent(found.refused)
    return tuple(found.playbooks)


def _read(settings: Settings) -> _Read:
    """In the child, which alone loads the reader."""
    try:
        return _Read(playbooks=list(registry.module("playbooks", "yaml_files").build(settings).all()))
    except Permanent as error:
        return _Read(refused=str(error))
