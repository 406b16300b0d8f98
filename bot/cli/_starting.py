"""Starts a process of the product, and where asked waits for what it needs to appear. No command itself.

A process runs for weeks, so its one option is read by the standard library: the parser of the other commands would
stay in its memory.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable

import structlog

from bot.adapters.store.sql import open_store
from bot.cli._places import made
from bot.domain.errors import WatchkeeperError
from bot.settings import Settings, load
from bot.wiring.logs import configure

_AGAIN_S = 0.5
_log = structlog.get_logger()


def command(process: str, run: Callable[[Settings], None], *, does: str) -> Callable[[], None]:
    """The command that starts `process`; `does` is what its `--help` says."""

    def app() -> None:
        parser = argparse.ArgumentParser(prog=sys.argv[0], description=does)
        waits = "Seconds to keep trying when something needed is not there yet."
        parser.add_argument("--wait", type=seconds, default=0.0, metavar="SECONDS", help=waits)
        start(process, run, wait_s=parser.parse_args().wait)

    return app


def seconds(given: str) -> float:
    """Not negative; raises as argparse wants it."""
    found = float(given)
    if not found >= 0:
        message = "seconds cannot be negative"
        raise argparse.ArgumentTypeError(message)
    return found


def start(process: str, run: Callable[[Settings], None], *, wait_s: float) -> None:
    """Run until told to stop; raises the last refusal when the process could not start within `wait_s`."""
    configure(process)
    settings = load()
    made(settings.data_dir, "WATCHKEEPER_DATA_DIR")
    end = time.monotonic() + wait_s
    while True:
        _upgraded_apart(settings)
        try:
            run(settings)
            return
        except WatchkeeperError as error:
            if time.monotonic() >= end:
                raise
            _log.info("start_waits", reason=str(error))
            time.sleep(_AGAIN_S)


def _upgraded_apart(settings: Settings) -> None:
    """Bring the schema up to date in a child: what that loads, ten megabytes, is never needed again.

    What goes wrong there goes wrong again in `run`, which says it. Nothing here has a thread yet.
    """
    child = os.fork()
    if child == 0:
        try:
            open_store(settings).close()
        finally:
            os._exit(0)
    os.waitpid(child, 0)
