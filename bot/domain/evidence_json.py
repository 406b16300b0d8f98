"""Evidence, hypotheses and explanations to and from the JSON of event bodies."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from bot.domain.evidence import (
    CauseClass,
    Classification,
    Conclusion,
    Diagnosis,
    Evidence,
    EvidenceKind,
    EvidenceRole,
    Explanation,
    Ground,
    Hypothesis,
    Impact,
    Precedent,
    Sentence,
)
from bot.domain.trust import Trust

_EMPTY = Diagnosis(Conclusion.NOT_CONFIDENT, (), ())


def evidence_body(diagnosis: Diagnosis) -> dict[str, Any]:
    """Body of evidence_collected."""
    return {
        "evidence": [asdict(item) for item in diagnosis.evidence],
        "missing": list(diagnosis.missing),
    }


def ranking_body(diagnosis: Diagnosis) -> dict[str, Any]:
    """Body of hypotheses_ranked."""
    return {
        "conclusion": diagnosis.conclusion.value,
        "hypotheses": [asdict(hypothesis) for hypothesis in diagnosis.hypotheses],
        "engine": diagnosis.engine,
        "calibration": diagnosis.calibration,
        "classification": asdict(diagnosis.classification) if diagnosis.classification else None,
        "precedents": [asdict(precedent) for precedent in diagnosis.precedents],
    }


def explanation_body(explanation: Explanation) -> dict[str, Any]:
    """Body of explained."""
    return asdict(explanation)


def diagnosis_with_evidence(diagnosis: Diagnosis | None, body: Mapping[str, Any]) -> Diagnosis:
    """Fold an evidence_collected body."""
    evidence = tuple(_evidence(item) for item in body["evidence"])
    return replace(diagnosis or _EMPTY, evidence=evidence, missing=tuple(body["missing"]))


def diagnosis_with_ranking(diagnosis: Diagnosis | None, body: Mapping[str, Any]) -> Diagnosis:
    """Fold a hypotheses_ranked body."""
    return replace(
        diagnosis or _EMPTY,
        conclusion=Conclusion(body["conclusion"]),
        hypotheses=tuple(_hypothesis(item) for item in body["hypotheses"]),
        engine=body["engine"],
        calibration=body.get("calibration", ""),
        classification=_classification(body.get("classification")),
        precedents=tuple(Precedent(**item) for item in body.get("precedents", ())),
    )


def explanation_from_json(body: Mapping[str, Any]) -> Explanation:
    """Fold an explained body."""
    sentences = tuple(Sentence(item["text"], tuple(item["cites"])) for item in body["sentences"])
    return Explanation(
        body["author"],
        body["status"],
        sentences,
        body["dropped"],
        body["prompt_sha256"],
    )


def _evidence(item: Mapping[str, Any]) -> Evidence:
    known = {
        "kind": EvidenceKind(item["kind"]),
        "role": EvidenceRole(item["role"]),
        "trust": Trust(item["trust"]),
    }
    return Evidence(**{**item, **known})


def _hypothesis(item: Mapping[str, Any]) -> Hypothesis:
    return Hypothesis(
        service=item["service"],
        cause=CauseClass(item["cause"]),
        confidence=item["confidence"],
        because=tuple(item["because"]),
        evidence=tuple(item["evidence"]),
        path=tuple(item["path"]),
        # Logs from before this figure existed hold none, and none is not enough for anything.
        solid=item.get("solid", 0.0),
        rules=tuple(item.get("rules", ())),
        look=tuple(item.get("look", ())),
        grounds=tuple(Ground(**ground) for ground in item.get("grounds", ())),
        path_score=item.get("path_score", 0.0),
    )


def _classification(item: Mapping[str, Any] | None) -> Classification | None:
    if item is None:
        return None
    impact = item["impact"]
    return Classification(
        cause=CauseClass(item["cause"]),
        because=tuple(item["because"]),
        severity=item["severity"],
        severity_because=item["severity_because"],
        impact=Impact(
            tuple(impact["services"]),
            tuple(impact["entries"]),
            impact["errors"],
            impact["slower"],
            impact.get("measured", 0),
            impact.get("seen", 0),
        ),
    )
