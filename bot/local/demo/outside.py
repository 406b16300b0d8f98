"""The driver's eyes and hands: the Slack double, the world's control door, and a second database connection."""

import hashlib
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.engine import make_url

from bot.domain.errors import Permanent
from bot.local.demo.layout import Layout, environment

_OWN = "watchkeeper:watch"  # Its early warnings are no alerts that anybody sent.
_VERIFIER = Path(__file__).resolve().parents[1] / "verify_log.py"


class Outside:
    """Everything that can be seen and done without being the product."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._client = httpx.Client(timeout=20.0)

    def close(self) -> None:
        """Close connections."""
        self._client.close()

    def ready(self) -> bool:
        """Whether the product says that it can work and its socket to Slack is open."""
        try:
            product = self._client.get(f"{self._layout.web_url}/readyz", timeout=2.0)
            return product.status_code == 200 and self.slack()["connected"] > 0
        except httpx.HTTPError:
            return False

    def slack(self) -> dict[str, Any]:
        """The double's whole state."""
        return self._get(f"{self._layout.page_url}_double/state")

    def private_answers(self, name: str) -> list[dict[str, Any]]:
        """What one person was shown privately."""
        found = self._get(f"{self._layout.page_url}_double/ephemerals?user={name}")
        return list(found["ephemerals"])

    def open_form(self, name: str) -> dict[str, Any] | None:
        """The form that stands open before one person, the newest of several."""
        found = self._get(f"{self._layout.page_url}_double/views?user={name}")["views"]
        return dict(found[-1]) if found else None

    def act(self, **body: Any) -> dict[str, Any]:
        """Do something as a person in Slack; the double's answer, its refusals included."""
        answer = self._client.post(f"{self._layout.page_url}_double/act", json=body)
        return dict(answer.json())

    def start(self, scenario: str, seed: int | None, *, early: bool = True) -> dict[str, Any]:
        """Start a scenario, at its quiet beginning or at its storm; raises Permanent when the world does not know it."""
        body = {"scenario": scenario, "early": early} | ({} if seed is None else {"seed": seed})
        answer = self._client.post(f"{self._layout.control_url}/start", json=body)
        if answer.status_code != 200:
            message = f"scenario {scenario!r} cannot start: {answer.json().get('error', answer.text)}"
            raise Permanent(message)
        return dict(answer.json())

    def first_words(self, scenario: str) -> str:
        """What a person types before the scenario begins, or nothing."""
        listed = self._get(f"{self._layout.control_url}/scenarios")["scenarios"]
        return next((str(one["says_first"]) for one in listed if one["name"] == scenario), "")

    def scenario(self) -> dict[str, Any]:
        """What a driver may know of the run."""
        return self._get(f"{self._layout.control_url}/scenario")

    def truth(self) -> dict[str, Any]:
        """The true cause; read after the run only."""
        return self._get(f"{self._layout.control_url}/truth")

    def executed_calls(self) -> int:
        """Changing calls that the cluster and the AWS server themselves recorded as done."""
        records = self._get(f"{self._layout.control_url}/_records")
        cluster = sum(1 for row in records["cluster"] if not row["dry_run"] and row["code"] < 300)
        managed = sum(1 for row in (*records["jvm"], *records["sql"]) if row["status"] < 300)
        return cluster + managed + sum(1 for row in records["aws"] if row["status"] < 300)

    def mishaps(self) -> dict[str, int]:
        """Drawn failures of Slack and world so far, by what failed and how."""
        world = self._get(f"{self._layout.control_url}/_mishaps")
        return {**world, **self.slack()["mishaps"]}

    def seconds_cause_to_first_call(self, incident: str) -> float | None:
        """From the newest ranking before it, by the log, to the first changing call that a provider took; None without."""
        records = self._get(f"{self._layout.control_url}/_records")
        calls = [row["at"] for row in records["cluster"] if not row["dry_run"] and row["code"] < 300]
        calls += [row["at"] for kind in ("aws", "jvm") for row in records[kind] if row["status"] < 300]
        with self._database() as connection:
            found = text(
                "SELECT record FROM events WHERE chain = (SELECT id FROM incidents WHERE number = :n) ORDER BY seq"
            )
            number = {"n": int(incident.rpartition("-")[2])}
            events = [json.loads(bytes(row.record)) for row in connection.execute(found, number)]
        first = min(calls, default=None)
        ranked = [e["at_ms"] / 1000 for e in events if e["type"] == "hypotheses_ranked"]
        before = [at for at in ranked if first is not None and at <= first]
        return round(first - before[-1], 3) if first is not None and before else None

    def forensics(self, *, since: float) -> tuple[int, bool | None]:
        """Files of the packages taken since then (unix seconds), and whether each is what its manifest says."""
        folder = self._layout.data_dir / "forensics"
        manifests = [one for one in folder.rglob("manifest.json") if one.stat().st_mtime >= since]
        listed = [
            (one.parent / entry["name"], entry["sha256"])
            for one in manifests
            for entry in json.loads(one.read_text(encoding="utf-8"))["files"]
        ]
        held = [
            path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == digest
            for path, digest in listed
        ]
        return len(listed), all(held) if listed else None

    def stored_alerts(self, *, since: float) -> int:
        """Alerts received since then (unix seconds), counted over a connection of our own."""
        counted = text("SELECT count(*) FROM alerts WHERE received_at >= :since AND source <> :own")
        with self._database() as connection:
            return int(connection.execute(counted, {"since": since, "own": _OWN}).scalar_one())

    def early_warnings(self) -> tuple[int, int]:
        """Early warnings of the product itself: how many there are, and how many still hold."""
        counted = text("SELECT status FROM alerts WHERE source = :own")
        with self._database() as connection:
            states = [row.status for row in connection.execute(counted, {"own": _OWN})]
        return len(states), states.count("firing")

    def settled(self) -> bool:
        """Whether alerts have taken over from the early warnings, nobody investigates, and the newest options show."""
        busy = text(
            "SELECT count(*) FROM tasks WHERE state = 'claimed' OR (state = 'due' AND due_at <= :soon)"
        )
        unseen = text("SELECT count(*) FROM messages WHERE kind = 'proposal' AND wanted > sent")
        with self._database() as connection:
            waiting = int(connection.execute(unseen).scalar_one())
            waiting += int(connection.execute(busy, {"soon": time.time() + 1.0}).scalar_one())
        return self.early_warnings()[1] == 0 and waiting == 0

    def verify_log(self) -> tuple[int, bool]:
        """Export the log and have the stand-alone verifier check it in a process of its own."""
        with tempfile.TemporaryDirectory() as folder:
            export = Path(folder) / "log.jsonl"
            command = [sys.executable, "-m", "bot", "audit", "export", "--out", str(export)]
            subprocess.run(command, env=environment("web", self._layout), check=True, timeout=60)
            key = self._layout.data_dir / "audit.key"
            command = [sys.executable, "-I", str(_VERIFIER), str(export), str(key)]
            found = subprocess.run(command, capture_output=True, timeout=60, check=False)
        report = json.loads(found.stdout)
        return int(report["events"]), found.returncode == 0 and not report["broken"]

    @contextmanager
    def _database(self) -> Iterator[Connection]:
        url = make_url(environment("web", self._layout)["WATCHKEEPER_DATABASE_URL"])
        engine = create_engine(
            url if url.get_backend_name() == "sqlite" else url.set(drivername="postgresql+psycopg")
        )
        try:
            with engine.connect() as connection:
                yield connection
        finally:
            engine.dispose()

    def _get(self, url: str) -> dict[str, Any]:
        answer = self._client.get(url)
        answer.raise_for_status()
        return dict(answer.json())
