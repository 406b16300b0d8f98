"""The docket: evidence in order of importance, numbered E1, E2, ... as it is filed, bounded, nothing filed twice."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from bot.domain.canonical import Json
from bot.domain.diagnosis import tuning
from bot.domain.diagnosis.symptoms import Anomaly
from bot.domain.evidence import Evidence, EvidenceKind, EvidenceRole
from bot.domain.instructions import Finding
from bot.domain.telemetry import Signal
from bot.domain.trust import Trust

WORDS = {
    Signal.ERROR_RATIO: "error ratio",
    Signal.AVAILABILITY: "availability",
    Signal.REQUEST_RATE: "request rate",
    Signal.LATENCY: "latency",
    Signal.CPU: "CPU utilisation",
    Signal.MEMORY: "memory utilisation",
    Signal.CPU_CORES: "CPU in use",
    Signal.MEMORY_BYTES: "memory in use",
    Signal.CONNECTIONS: "connection use",
    Signal.QUERY_RATE: "query rate",
    Signal.RUNTIME_ALERTS: "rate of runtime sensor alerts",
}


@dataclass(slots=True)
class Docket:
    """Evidence filed so far; `file` gives an id, or an empty string when the docket is full."""

    evidence: list[Evidence] = field(default_factory=list)
    filed: dict[str, str] = field(default_factory=dict)

    def file(
        self,
        key: str,
        kind: EvidenceKind,
        role: EvidenceRole,
        service: str,
        at: float,
        text: str,
        *,
        source: str,
        trust: Trust = Trust.WORKLOAD,
        quote: str = "",
        link: str = "",
        value: Mapping[str, Json] | None = None,
    ) -> str:
        """File one fact under `key`; a key that was filed before keeps its id and its first role."""
        if key in self.filed:
            return self.filed[key]
        if len(self.evidence) >= tuning.MOST_EVIDENCE:
            return ""
        number = f"E{len(self.evidence) + 1}"
        quoted = quote[: tuning.QUOTE_CHARS]
        self.evidence.append(
            Evidence(number, kind, role, service, at, text, source, trust, quoted, link, dict(value or {}))
        )
        self.filed[key] = number
        return number

    def metric(self, anomaly: Anomaly, role: EvidenceRole, extra: Mapping[str, Json] | None = None) -> str:
        """File a metric's move; `extra` are more figures that sentences give about it."""
        verb = "rose" if anomaly.rising else "fell"
        before, after = shown(anomaly.signal, anomaly.before), shown(anomaly.signal, anomaly.after)
        text = (
            f"{WORDS[anomaly.signal]} of {anomaly.service} {verb} from {before} to {after} "
            f"at {clock(anomaly.onset_at)}"
        )
        value: dict[str, Json] = {
            "signal": anomaly.signal.value,
            "before": round(anomaly.before, 6),
            "after": round(anomaly.after, 6),
            "strength": round(anomaly.strength, 3),
            **(extra or {}),
        }
        return self.file(
            f"metric {anomaly.service} {anomaly.signal.value}", EvidenceKind.METRIC, role, anomaly.service,
            anomaly.onset_at, text, source="metrics", link=anomaly.link, value=value,
        )  # fmt: skip

    def warn(self, findings: Iterable[Finding]) -> None:
        """File texts that give orders; a warning always has room, since it is what protects the reader."""
        for one in findings:
            number = f"E{len(self.evidence) + 1}"
            text = f"{one.where} of {one.service} {' and '.join(one.does)}; it is shown and never followed"
            kind = EvidenceKind.LOG if one.where == "a log line" else EvidenceKind.ALERT
            quoted = one.text[: tuning.QUOTE_CHARS]
            self.evidence.append(
                Evidence(
                    number,
                    kind,
                    EvidenceRole.WARNING,
                    one.service,
                    one.at,
                    text,
                    "instructions in evidence",
                    Trust.PUBLIC,
                    quoted,
                )
            )
            self.filed[f"warning {one.service} {one.where}"] = number


def shown(signal: Signal, value: float) -> str:
    """A level in the signal's own unit."""
    if signal in (Signal.REQUEST_RATE, Signal.QUERY_RATE, Signal.RUNTIME_ALERTS):
        return f"{value:.0f}/s" if value >= 100 else f"{value:.3g}/s"
    if signal is Signal.LATENCY:
        return f"{value * 1000:.0f} ms" if value < 1 else f"{value:.2f} s"
    if signal is Signal.CPU_CORES:
        return f"{value:.2f} cores"
    if signal is Signal.MEMORY_BYTES:
        return f"{value / 2**20:.0f} MiB"
    return f"{value * 100:.1f} %"


def clock(at: float) -> str:
    """Time of day in UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%H:%M:%S")


def cite(*ids: str) -> str:
    """The ids in brackets, unfiled ones left out; empty for none."""
    known = [number for number in ids if number]
    return f" [{', '.join(known)}]" if known else ""
