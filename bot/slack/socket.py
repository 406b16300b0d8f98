"""Keeps one Socket Mode connection to Slack alive for as long as the process runs.

Bolt reconnects by itself but not always: with an address that ran out it knocks at a dead door for ever, so that
a connection which stays dead is thrown away, and a new one asks Slack for a new address.
"""

import asyncio
from collections.abc import Callable
from typing import Protocol

import structlog

_log = structlog.get_logger()

PATIENCE_S = 30.0
LOOK_S = 5.0
AGAIN_S = 1.0


class Client(Protocol):
    """The part of the SDK's socket client that is used here."""

    async def is_connected(self) -> bool: ...


class Socket(Protocol):
    """The part of Bolt's untyped handler that is used here."""

    @property
    def client(self) -> Client: ...
    async def connect_async(self) -> None: ...
    async def close_async(self) -> None: ...


async def stay_connected(
    make: Callable[[], Socket], *, patience_s: float = PATIENCE_S, look_s: float = LOOK_S
) -> None:
    """Connect for ever; `make` gives a new handler, and one that is dead for `patience_s` is replaced."""
    while True:
        handler = make()
        try:
            async with asyncio.timeout(patience_s):
                await handler.connect_async()
            _log.info("slack_socket_open")
            await _until_dead(handler.client, patience_s, look_s)
        except OSError as error:
            # The client swallows everything else and tries again until the time is over, which is one of these.
            _log.warning("slack_socket_not_open", reason=str(error) or type(error).__name__)
        finally:
            await handler.close_async()
        await asyncio.sleep(AGAIN_S)


async def _until_dead(client: Client, patience_s: float, look_s: float) -> None:
    dead_s = 0.0
    while dead_s < patience_s:
        await asyncio.sleep(look_s)
        dead_s = 0.0 if await client.is_connected() else dead_s + look_s
    _log.warning("slack_socket_dead", seconds=dead_s)
