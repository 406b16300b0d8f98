"""Refuses a taken port or an unwritable folder before anything starts, in one clear line. No command itself."""

import socket
from pathlib import Path

from bot.domain.errors import Permanent


def refuse_taken(*ports: int) -> None:
    """Raise Permanent when one of the ports cannot be had on 127.0.0.1; 0 is always free."""
    for port in ports:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError as error:
                message = f"port {port} on 127.0.0.1 cannot be used: {error.strerror}; choose another one"
                raise Permanent(message) from error


def made(folder: Path, option: str) -> Path:
    """The folder, made where it is missing; raises Permanent when nothing can be written there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        message = f"cannot write to {folder}: {error.strerror}; choose another {option}"
        raise Permanent(message) from error
    return folder
