"""The HTTP server with one look a second at whether it should end, where uvicorn takes ten; told to end, it ends at once."""

import asyncio
import contextlib
from types import FrameType

import uvicorn

_LOOK_S = 0.9  # uvicorn itself adds a tenth.


class CalmServer(uvicorn.Server):
    """Serves like its parent. What it looks after between requests is the Date header, which has whole seconds."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._told = asyncio.Event()
        self._serving: asyncio.AbstractEventLoop | None = None

    async def on_tick(self, counter: int) -> bool:
        """Whether to end; `counter` is left aside, since each look of ours is worth ten."""
        del counter
        self._serving = asyncio.get_running_loop()
        if await super().on_tick(0):
            return True
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._told.wait(), _LOOK_S)
        return self.should_exit

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """A signal to end."""
        super().handle_exit(sig, frame)
        if self._serving is not None:
            self._serving.call_soon_threadsafe(self._told.set)
