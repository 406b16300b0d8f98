"""The set's vocabulary: its alert as ours, our classes as its categories, our explanation as its free text."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bot.domain.alert import Alert, AlertSeverity, AlertStatus
from bot.domain.evidence import CauseClass, Conclusion, Diagnosis, Hypothesis
from tests.bench.diagnose.case import Row, class_of
from tests.bench.diagnose.long_words import long_explanation

_CATEGORY = {
    CauseClass.DEPLOY: "configuration_error",
    CauseClass.CONFIGURATION: "configuration_error",
    CauseClass.CAPACITY: "resource_exhaustion",
    CauseClass.MEMORY: "resource_exhaustion",
    CauseClass.DATABASE_LOAD: "resource_exhaustion",
    CauseClass.DEPENDENCY: "dependency_failure",
    CauseClass.NETWORK: "configuration_error",
    CauseClass.INFRASTRUCTURE: "infrastructure",
}
# What a rule read in a workload's own lines is finer than the class.
_BY_WORDS = {"_code": "code_defect", "_data": "data_quality"}
_OVER = ("normal", "ok", "resolved")
_QUIET = (Conclusion.NO_INCIDENT, Conclusion.EXPECTED_LOAD)


def category_of(diagnosis: Diagnosis) -> Row:
    """Category, text, actions and confidence of an answer."""
    top = diagnosis.hypotheses[0] if diagnosis.hypotheses else None
    claimed = _category(top) if top else "unknown"
    category = "healthy" if diagnosis.conclusion in _QUIET else claimed
    return {
        "category": category,
        "class": class_of(diagnosis),
        "text": "\n".join(long_explanation(diagnosis)),
        "actions": [step for one in diagnosis.hypotheses[:2] for step in one.look],
        "confidence": top.confidence if top else 0.0,
    }


def _category(top: Hypothesis) -> str:
    rule = top.rules[0].partition("/")[0] if top.rules else ""
    finer = next((word for ending, word in _BY_WORDS.items() if rule.endswith(ending)), "")
    return finer or _CATEGORY.get(top.cause, "unknown")


def alert_of(body: Mapping[str, Any], service: str, at: float) -> Alert:
    """The recorded alert as our own."""
    labels = {str(key): str(value) for key, value in body.get("commonLabels", {}).items()}
    notes = body.get("commonAnnotations", {})
    level = labels.get("severity", "warning")
    known = {one.value for one in AlertSeverity}
    summary = " ".join(
        str(notes.get(key, "")) for key in ("summary", "description", "error", "suspected_symptom")
    )
    return Alert(
        fingerprint=str(labels.get("alertname", "")),
        source=str(body.get("alert_source", "")),
        name=str(labels.get("alertname") or body.get("title", "")),
        status=AlertStatus.RESOLVED if str(body.get("state", "")).lower() in _OVER else AlertStatus.FIRING,
        severity=AlertSeverity(level) if level in known else AlertSeverity.WARNING,
        service=service,
        summary=summary.strip(),
        starts_at=at,
        received_at=at,
        labels=labels,
    )


def read_json(path: Path | None) -> dict[str, Any]:
    """A JSON object, empty where there is none."""
    if path is None:
        return {}
    body = json.loads(path.read_text(encoding="utf-8"))
    return body if isinstance(body, dict) else {}
