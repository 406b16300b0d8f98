"""What decided: the engine, its rules and its calibration in one sentence, for `/incident why` and the bench."""

from bot.domain.evidence import Diagnosis


def decided_by(diagnosis: Diagnosis) -> str:
    """Engine, rules with their versions, and the calibration that confidences come from."""
    rules = sorted({rule for one in diagnosis.hypotheses for rule in one.rules})
    parts = [f"engine {diagnosis.engine or 'unknown'}"]
    parts += [f"rules {', '.join(rules)}"] if rules else []
    parts += [f"calibration {diagnosis.calibration}"] if diagnosis.calibration else []
    return f"Decided by {'; '.join(parts)}."
