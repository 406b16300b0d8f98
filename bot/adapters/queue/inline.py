"""JobQueue without a server: runs the job in the caller; for tests and for one-process use."""

from collections.abc import Callable, Mapping

from bot.ports import JobQueue


class InlineQueue:
    """Calls the function at once; unknown names raise KeyError, as an unknown job would fail in a worker."""

    def __init__(self, functions: Mapping[str, Callable[[int], object]]) -> None:
        self._functions = functions

    def poke(self, function: str, row_id: int) -> None:
        """Run the job now."""
        self._functions[function](row_id)


def build(functions: Mapping[str, Callable[[int], object]]) -> JobQueue:
    """A queue over these functions."""
    return InlineQueue(functions)
