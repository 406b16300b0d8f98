"""The stop file: while it exists no step is claimed, whatever else is down. Looked at again before every step."""

from collections.abc import Callable
from pathlib import Path

from bot.domain.errors import Permanent

HELD = "everything, by the stop file"


def stop_file(path: Path | None) -> Callable[[], str | None]:
    """A look at the file, which says in words that it holds, or gives None; what cannot be read holds too.

    Raises Permanent where the folder of the file does not exist: a file could not be put there in a hurry.
    """
    if path is None:
        return _nothing
    if not path.parent.is_dir():
        message = f"WATCHKEEPER_STOP_FILE: there is no folder {path.parent}"
        raise Permanent(message)

    def look() -> str | None:
        try:
            path.lstat()
        except FileNotFoundError:
            return None if path.parent.is_dir() else f"{HELD}, whose folder is gone"
        except OSError:
            return f"{HELD}, which cannot be read"
        return HELD

    return look


def _nothing() -> None:
    return None
