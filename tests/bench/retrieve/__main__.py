"""`python -m tests.bench.retrieve --data DIR`: how often the right write-up comes first, as one JSON line."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from bot.domain.retrieval import index_of

_NO_TEXT = (
    "uuid",
    "url",
    "archive_url",
    "start_time",
    "end_time",
    "source_published_at",
    "source_fetched_at",
)
_MOST = 10


def main() -> int:
    """Answer every query and score the answers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="the folder that holds postmortems/")
    parser.add_argument("--out", type=Path, help="file for the rankings, a JSON line a query")
    given = parser.parse_args()
    folder = given.data / "postmortems"
    index = index_of({row["uuid"]: _text(row) for row in _rows(folder / "corpus.jsonl")})
    queries = _rows(folder / "queries.jsonl")
    rankings = [[found for found, _ in index.nearest(row["query"], most=_MOST)] for row in queries]
    if given.out is not None:
        lines = "".join(json.dumps({"ranking": ranking}) + "\n" for ranking in rankings)
        given.out.write_text(lines, encoding="utf-8")
    print(json.dumps({"bench": "retrieve", **_score(queries, rankings)}), flush=True)
    return 0


def _rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def _text(row: dict[str, Any]) -> str:
    said = (value for name, value in row.items() if name not in _NO_TEXT)
    return " ".join(" ".join(map(str, value)) if isinstance(value, list) else str(value) for value in said)


def _score(queries: list[dict[str, Any]], rankings: list[list[str]]) -> dict[str, Any]:
    ranks = [
        ranking.index(row["doc"]) + 1 if row.get("doc") in ranking else 0
        for row, ranking in zip(queries, rankings, strict=True)
    ]
    total = max(1, len(ranks))
    recalls = {f"R@{k}": round(sum(0 < rank <= k for rank in ranks) / total, 3) for k in (1, 3, 5)}
    return {"queries": len(ranks), **recalls, "MRR": round(sum(1 / r for r in ranks if r) / total, 3)}


if __name__ == "__main__":
    sys.exit(main())
