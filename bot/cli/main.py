"""The command line. This folder is its registry: `watchkeeper slack-double` is `slack_double.py`.

Only the named command's module is imported, so that no process loads what it must not hold.
"""

import ast
import sys
from importlib import import_module
from pathlib import Path

from bot.domain.errors import Retryable, WatchkeeperError

EXIT_REFUSED = 2
EXIT_AGAIN = 1
_HERE = Path(__file__).parent
# What libraries take where they find it, and a process that runs for weeks never uses: tracebacks in colour, SQL on
# coroutines, a command line for HTTP. None is Python's own way to say that a module is not there.
_PROCESSES = ("serve", "correlator", "worker", "executor")
_UNUSED = ("rich", "pygments", "greenlet", "httpx._main")


def main() -> None:
    """Run a command; an error of ours is one clear line and exit code 2, or 1 where trying again may help."""
    known = commands()
    name = sys.argv[1] if len(sys.argv) > 1 else "--help"
    if name in ("--help", "-h", "help"):
        print(_overview(known))
        return
    if name not in known:
        print(f"watchkeeper: there is no command {name!r}; `watchkeeper --help` lists them", file=sys.stderr)
        sys.exit(EXIT_REFUSED)
    if name in _PROCESSES:
        sys.modules.update(dict.fromkeys(_UNUSED))  # type: ignore[arg-type]  # None is allowed by the import system.
    module = import_module(f"bot.cli.{known[name].stem}")
    sys.argv = [f"watchkeeper {name}", *sys.argv[2:]]
    try:
        module.app()
    except WatchkeeperError as error:
        print(f"watchkeeper: {error}", file=sys.stderr)
        sys.exit(EXIT_AGAIN if isinstance(error, Retryable) else EXIT_REFUSED)


def commands() -> dict[str, Path]:
    """Every command's name and file."""
    files = (path for path in sorted(_HERE.glob("*.py")) if path.stem != "main" and path.stem[0] != "_")
    return {path.stem.replace("_", "-"): path for path in files}


def _overview(known: dict[str, Path]) -> str:
    lines = ["usage: watchkeeper COMMAND [OPTIONS]; `watchkeeper COMMAND --help` tells more", ""]
    for name, path in known.items():
        text = ast.get_docstring(ast.parse(path.read_text())) or ""
        lines.append(f"  {name:14} {text.splitlines()[0].partition(': ')[2]}")
    return "\n".join(lines)
