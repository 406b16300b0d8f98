"""A recorded incident: its compact data file, and its values at shifted times. Node names are data, never code."""

import gzip
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from bot.local.world.noise import Floats

_FEWEST_CALM = 12
_FOLDER = Path(__file__).parent.parent / "scenarios"


@dataclass(frozen=True)
class Recording:
    """Metric values per node on a regular grid that ends with the last recorded step."""

    title: str
    step: float
    nodes: dict[str, dict[str, tuple[float | None, ...]]]
    edges: tuple[tuple[str, str, str], ...]
    target: str
    root_cause: str
    issue_steps: int

    @property
    def length(self) -> int:
        """Number of recorded steps."""
        return max(len(values) for metrics in self.nodes.values() for values in metrics.values())

    def values(self, node: str, metric: str, times: Floats, ends_at: float) -> Floats:
        """The recorded value of the step that each time falls into; not-a-number outside and where none was recorded.

        The last step ends at `ends_at` and its values stay on after it.
        """
        raw = self.nodes[node][metric]
        recorded = np.array([np.nan if value is None else value for value in raw])
        begins_at = ends_at - self.step * len(recorded)
        index = np.minimum(np.floor((times - begins_at) / self.step).astype(int), len(recorded) - 1)
        found: Floats = np.where(index >= 0, recorded[np.maximum(index, 0)], np.nan)
        return found

    def over_since(
        self, node: str, metric: str, limit: Callable[[Floats], float], ends_at: float
    ) -> float | None:
        """Since when the metric is over the limit that calm days give, or None where it is not at the end."""
        raw = self.nodes[node][metric]
        calm = np.array([value for value in raw[: -self.issue_steps] if value is not None])
        if calm.size < _FEWEST_CALM:
            return None
        threshold = limit(calm)
        since = None
        for steps_back, value in enumerate(reversed(raw[-self.issue_steps :]), 1):
            if value is None or value <= threshold:
                break
            since = ends_at - steps_back * self.step
        return since


@cache
def load_recordings() -> tuple[Recording, ...]:
    """All shipped recordings, by file name."""
    return tuple(_load(path) for path in sorted(_FOLDER.glob("recorded-*.json.gz")))


def _load(path: Path) -> Recording:
    raw = json.loads(gzip.decompress(path.read_bytes()))
    nodes = {
        name: {metric: tuple(values) for metric, values in metrics.items()}
        for name, metrics in raw["nodes"].items()
    }
    edges = tuple((client, server, kind) for client, server, kind in raw["edges"])
    return Recording(
        title=raw["title"],
        step=raw["step"],
        nodes=nodes,
        edges=edges,
        target=raw["target"],
        root_cause=raw["root_cause"],
        issue_steps=raw["issue_steps"],
    )
