"""A clock that a test moves."""

from dataclasses import dataclass


@dataclass
class HandClock:
    """Unix seconds, moved by hand."""

    at: float = 1_790_000_000.0

    def now(self) -> float:
        return self.at

    def forward(self, seconds: float) -> None:
        self.at += seconds
