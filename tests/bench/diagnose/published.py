"""What others reach on the same recordings, and simple methods without training: figures to stand beside ours.

Each was published by the authors of the method or measured once with their code; none is computed here.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figures:
    """In words, as they go into the table."""

    measure: str
    published: str
    naive: str
    must: str


FIGURES: Mapping[str, Figures] = {
    "petshop": Figures(
        "AC@1 / AC@3",
        "0.65 / 0.83 authors' traversal; 0.65 / 0.79 ranked correlation",
        "0.31 / 0.69 shifts without a graph; 0.71 / 0.85 tuned walk",
        "0.75 / 0.88",
    ),
    "sockshop1": Figures("Avg@5", "0.99 BARO; 0.70-0.80 CIRCA", "0.90 largest robust z", "0.99"),
    "nezha": Figures(
        "AC@1 / AC@3",
        "0.93 / 0.96 and 0.87 / 0.98 trained on normal days; 0.41 / 0.73 and 0.09 / 0.13 PDiagnose",
        "0.39 / 0.58 gap between both ends of a call",
        "0.60 / 0.80",
    ),
    "cloudops": Figures(
        "object and cause at 1", "0.51-0.73 agents on frontier models", "0.65 rules on one system", "0.85"
    ),
    "opensre": Figures("category and evidence", "none", "none", "13 of 15, no healthy case flagged"),
}
