"""What is wrong with a playbook file, and where: one finding per fault, each with file and line."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

Place = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault. `rule` is a stable name; `line` counts from 1."""

    path: str
    line: int
    rule: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.message} [{self.rule}]"


@dataclass(frozen=True, slots=True)
class Source:
    """A parsed file: its data, and the line of every key and item by its place in the data."""

    path: str
    data: Mapping[str, object]
    lines: Mapping[Place, int]

    def finding(self, place: Place, rule: str, message: str) -> Finding:
        """A finding at the nearest known line at or above `place`."""
        for length in range(len(place), -1, -1):
            line = self.lines.get(place[:length])
            if line is not None:
                return Finding(self.path, line, rule, message)
        return Finding(self.path, 1, rule, message)


class Unreadable(Exception):
    """A file that cannot be read as data at all; carries its findings."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        super().__init__("; ".join(str(finding) for finding in findings))
        self.findings = tuple(findings)
