"""A folder is a registry: the file name is the adapter's name, and `build` makes it.

Only named adapters are imported; an unknown name or a failing import stops the process.
"""

from importlib import import_module
from pathlib import Path
from types import ModuleType

from bot.domain.errors import Permanent

_HERE = Path(__file__).parent


def names(folder: str) -> list[str]:
    """Every adapter in `bot/adapters/<folder>`."""
    return sorted(path.stem for path in (_HERE / folder).glob("*.py") if not path.stem.startswith("_"))


def module(folder: str, name: str) -> ModuleType:
    """Import one adapter; raises Permanent naming what exists when there is none of that name."""
    if name not in names(folder):
        message = f"there is no {folder} adapter {name!r}; known: {', '.join(names(folder))}"
        raise Permanent(message)
    return import_module(f"bot.adapters.{folder}.{name}")
