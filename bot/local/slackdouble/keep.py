"""Saving the workspace to a JSON file and reading it back, so that a demo can go on after a restart."""

import asyncio
import base64
import json
from dataclasses import asdict
from pathlib import Path

from bot.local.slackdouble.double import Double
from bot.local.slackdouble.model import (
    Channel,
    Ephemeral,
    Group,
    Json,
    Message,
    StoredFile,
    User,
    Workspace,
)


def dump(workspace: Workspace) -> Json:
    """The workspace as JSON values."""
    out = asdict(workspace)
    for entry in out["files"].values():
        entry["content"] = base64.b64encode(entry["content"]).decode()
    return out


def load(data: Json) -> Workspace:
    """The workspace that `dump` wrote; TypeError, KeyError or ValueError for anything else."""
    channels = {}
    for key, entry in data["channels"].items():
        messages = {ts: Message(**m) for ts, m in entry["messages"].items()}
        channels[key] = Channel(**{**entry, "messages": messages})
    files = {
        k: StoredFile(**{**f, "content": base64.b64decode(f["content"])}) for k, f in data["files"].items()
    }
    return Workspace(
        users={k: User(**v) for k, v in data["users"].items()},
        channels=channels,
        groups={k: Group(**v) for k, v in data["groups"].items()},
        files=files,
        ephemerals=[Ephemeral(**e) for e in data["ephemerals"]],
        reads=data["reads"],
        last_ts=data["last_ts"],
        last_number=data["last_number"],
    )


def resume(double: Double, path: Path) -> bool:
    """Take over a saved workspace and counters; False when there is none. ValueError says that the file is damaged."""
    if not path.exists():
        return False
    try:
        saved = json.loads(path.read_text())
        double.workspace = load(saved["workspace"])
        double.counts.update(saved["counts"])
    except (KeyError, TypeError, ValueError) as fault:
        raise ValueError(f"{path} is not a saved state of the Slack double: {fault}") from fault
    return True


def save(double: Double, path: Path) -> None:
    """Write the file in one step, so that a kill leaves the old or the new one."""
    body = json.dumps({"workspace": dump(double.workspace), "counts": dict(double.counts)})
    part = path.with_suffix(path.suffix + ".part")
    part.write_text(body)
    part.replace(path)


async def keep_saving(double: Double, path: Path) -> None:
    """Save at most twice a second, whenever something changed."""
    seen = -1
    while True:
        if seen != double.version:
            seen = double.version
            save(double, path)
        await asyncio.sleep(0.5)
