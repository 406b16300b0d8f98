"""Answers "which series match, and what are their values at these times" for drawn and recorded scenes alike. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from bot.local.world.noise import Floats
from bot.local.world.physics import EDGE_METRIC, METRICS, edge_counter, values_of
from bot.local.world.recording import Recording
from bot.local.world.scene import Scene

HISTORY_SECONDS = 2400.0
_SELECTOR = re.compile(r"^\s*([a-zA-Z_:][\w:]*)\s*(?:\{(.*)\})?\s*$")
_MATCHER = re.compile(r'\s*([a-zA-Z_]\w*)\s*=\s*"((?:[^"\\]|\\.)*)"\s*(?:,|$)')


class SelectorError(ValueError):
    """A query outside the subset that this world serves."""


@dataclass(frozen=True)
class Selector:
    """A bare metric name with equality matchers."""

    metric: str
    labels: Mapping[str, str]

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether a series has all the labels."""
        return all(labels.get(name, "") == value for name, value in self.labels.items())


def parse_matchers(text: str) -> dict[str, str]:
    """The equality matchers between braces."""
    found: dict[str, str] = {}
    at = 0
    while text[at:].strip():
        match = _MATCHER.match(text, at)
        if match is None:
            raise SelectorError(f'only label="value" matchers are served here, not: {text[at:]}')
        found[match.group(1)] = re.sub(r"\\(.)", r"\1", match.group(2))
        at = match.end()
    return found


def parse_selector(text: str) -> Selector:
    """A selector; SelectorError for functions, operators and other matchers."""
    match = _SELECTOR.match(text)
    if match is None:
        raise SelectorError(f"only a metric name with label matchers is served here, not: {text}")
    return Selector(match.group(1), parse_matchers(match.group(2) or ""))


Series = tuple[dict[str, str], Floats]


def series(scene: Scene, selector: Selector, times: Floats, now: float) -> list[Series]:
    """All matching series; not-a-number where there is no sample (before the history, in the future)."""
    if scene.recording is not None:
        found = _recorded(scene, scene.recording, selector, times)
    elif selector.metric == EDGE_METRIC:
        found = _edges(scene, selector, times)
    else:
        found = _nodes(scene, selector, times)
        known = times >= scene.now - HISTORY_SECONDS
        found = [(labels, np.where(known, values, np.nan)) for labels, values in found]
    present = times <= now
    return [(labels, np.where(present, values, np.nan)) for labels, values in found]


def _nodes(scene: Scene, selector: Selector, times: Floats) -> list[Series]:
    found: list[Series] = []
    if selector.metric not in METRICS:
        return found
    for node in scene.system.topology.nodes:
        labels = {"__name__": selector.metric, "service": node.name}
        if selector.matches(labels):
            values = values_of(scene.system, scene.curves, node, selector.metric, times)
            if values is not None:
                found.append((labels, values))
    return found


def _edges(scene: Scene, selector: Selector, times: Floats) -> list[Series]:
    found: list[Series] = []
    for edge in scene.system.topology.edges:
        labels = _edge_labels(edge.client, edge.server, edge.connection_type)
        if selector.matches(labels):
            pair = (edge.client, edge.server)
            found.append((labels, edge_counter(scene.system, scene.curves, pair, times, scene.now)))
    return found


def _edge_labels(client: str, server: str, kind: str) -> dict[str, str]:
    labels = {"__name__": EDGE_METRIC, "client": client, "server": server}
    return {**labels, "connection_type": kind} if kind else labels


def _recorded(scene: Scene, recording: Recording, selector: Selector, times: Floats) -> list[Series]:
    if selector.metric == EDGE_METRIC:
        everywhere = np.floor(times - scene.now + 86_400.0)
        pairs = [_edge_labels(*edge) for edge in recording.edges]
        return [(labels, everywhere) for labels in pairs if selector.matches(labels)]
    found: list[Series] = []
    for name, metrics in recording.nodes.items():
        labels = {"__name__": selector.metric, "service": name}
        if selector.metric in metrics and selector.matches(labels):
            found.append((labels, recording.values(name, selector.metric, times, scene.now)))
    return found
