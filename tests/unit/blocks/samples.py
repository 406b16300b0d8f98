"""Synthetic incidents in every state that a message must be able to show."""

from collections.abc import Iterator
from dataclasses import replace

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
from bot.domain.incident import (
    CheckView,
    Incident,
    IncidentState,
    OptionView,
    Severity,
    StepView,
    TimelineEntry,
)
from bot.domain.plan import ActionClass, Check, Plan, PlannedStep, PlanState, Target
from bot.domain.trust import Trust

OPENED_MS = 1_790_000_000_000


def plan(
    letter: str = "A", *, klass: ActionClass = ActionClass.RISKY, undo: bool = True, undoes: str = ""
) -> Plan:
    target = Target("k8s.deployment", "orders-api", "shop", "uid-1", "orders-api")
    step = PlannedStep(
        id="undo",
        action="kubectl/rollout-undo",
        target=target,
        params={"to_revision": 812},
        command=(
            "kubectl",
            "--namespace=shop",
            "rollout",
            "undo",
            "--to-revision=812",
            "--",
            "deployment/orders-api",
        ),
        expect={"revision": "813"},
        undo_params={"to_revision": 813} if undo else None,
        undo_command=("kubectl", "rollout", "undo", "--to-revision=813") if undo else None,
    )
    return Plan(
        tenant="main",
        incident="inc-1",
        option=letter,
        playbook="rollback-deployment",
        playbook_digest="d" * 64,
        title="Roll back orders-api to revision 812",
        klass=klass,
        steps=(step,),
        checks=(Check("error_ratio", "orders-api", 10, 15),),
        blast_radius={"deployments": 1, "pods": 4},
        created_ms=OPENED_MS,
        expires_ms=OPENED_MS + 900_000,
        nonce=f"n{letter}",
        undoes=undoes,
    )


def option(state: PlanState = PlanState.PROPOSED, letter: str = "A", **more: object) -> OptionView:
    made = plan(letter)
    base = OptionView(letter, made.hash, made.to_json(), state)
    return replace(base, **more)  # type: ignore[arg-type]  # keyword names are checked at run time


def safe() -> OptionView:
    made = plan("S", klass=ActionClass.SAFE)
    return OptionView("S", made.hash, made.to_json(), PlanState.PROPOSED)


def destructive() -> OptionView:
    made = plan("D", klass=ActionClass.DESTRUCTIVE, undo=False)
    return OptionView("D", made.hash, made.to_json(), PlanState.PROPOSED)


def evidence(count: int = 4, text: str = "error ratio rose from 0.01 to 0.38") -> tuple[Evidence, ...]:
    roles = tuple(EvidenceRole)
    return tuple(
        Evidence(
            id=f"E{at}",
            kind=EvidenceKind.METRIC,
            role=roles[at % len(roles)],
            service="orders-api",
            at=OPENED_MS / 1000,
            text=text,
            source="prometheus",
            trust=Trust.PUBLIC if at % 2 else Trust.WORKLOAD,
            quote="GET /cart 500" if at % 2 else "",
        )
        for at in range(1, count + 1)
    )


CLASSIFIED = Classification(
    CauseClass.DEPLOY,
    ("A deploy of orders-api came just before [E1].",),
    2,
    "12 % of users' requests fail",
    Impact(("orders-api", "checkout"), ("checkout",), 0.12, 3.0),
)
LIKE_IT = Precedent("inc-0", "INC-97", "orders slow after a release", "deploy: orders-api", 0.61)


def diagnosis(conclusion: Conclusion = Conclusion.CAUSE_FOUND, *confidences: float) -> Diagnosis:
    names = ("orders-api", "payments", "edge", "cache")
    hypotheses = tuple(
        Hypothesis(
            names[at % 4],
            CauseClass.DEPLOY,
            confidence,
            (f"A deploy of {names[at % 4]} came just before the first signal [E1][E3].",),
            ("E1", "E3"),
            ("orders-api", "checkout"),
            rules=("change/2",),
            look=("the newest release",),
            grounds=(Ground("change", 0.9, 0.6), Ground("metric", 0.4, 0.65)),
            path_score=0.5,
        )
        for at, confidence in enumerate(confidences)
    )
    return Diagnosis(
        conclusion, hypotheses, evidence(), ("loki: no answer",), "ranker/1", "table/1", CLASSIFIED, (LIKE_IT,)
    )  # fmt: skip


BASE = Incident(
    id="inc-1",
    tenant="main",
    number=142,
    title="checkout errors after orders-db saturation",
    severity=Severity.SEV1,
    state=IncidentState.INVESTIGATING,
    opened_ms=OPENED_MS,
    seq=7,
    head="a1b2c3d4e5f6",
    channel_wanted=True,
    alerts_total=1312,
    alerts_firing=1290,
    services={"checkout": 400, "orders-api": 300, "edge": 200, "cart": 100, "web": 12},
    joins={"time": 1300},
    observe_only=False,
    timeline=(
        TimelineEntry(1, OPENED_MS, "Incident declared."),
        TimelineEntry(7, OPENED_MS + 9000, "Ranked."),
    ),
)
EXPLANATION = Explanation(
    "model-x",
    "ok",
    (
        Sentence("Revision 813 added an un-indexed query.", ("E1", "E3")),
        Sentence("This one cites nothing that exists.", ("E99",)),
        Sentence("This one cites nothing.", ()),
    ),
    2,
)
CANDIDATE = replace(
    BASE, candidate="orders-api", candidate_why="11 of 12 alerting services call it", investigating=True
)
FOUND = replace(
    BASE,
    state=IncidentState.IDENTIFIED,
    diagnosis=diagnosis(Conclusion.CAUSE_FOUND, 0.91, 0.2),
    explanation=EXPLANATION,
    options=(option(), option(letter="B")),
)
RIVALS = replace(BASE, diagnosis=diagnosis(Conclusion.NOT_CONFIDENT, 0.45, 0.41))
UNSURE = replace(BASE, diagnosis=diagnosis(Conclusion.NOT_CONFIDENT, 0.4, 0.1))
EXPECTED = replace(BASE, diagnosis=diagnosis(Conclusion.EXPECTED_LOAD, 0.7), planned_event="Autumn launch")
OBSERVED = replace(FOUND, observe_only=True)
STEP = StepView("undo", "do", "done", "deployment.apps/orders-api rolled back", OPENED_MS + 20_000)
RUNNING = replace(
    FOUND,
    options=(
        option(PlanState.RUNNING, approved_by="U0ONCALL1", approved_at_ms=OPENED_MS + 15_000, steps=(STEP,)),
    ),
)
DONE = replace(
    FOUND,
    options=(
        option(
            PlanState.DONE,
            approved_by="U0ONCALL1",
            approved_at_ms=OPENED_MS + 15_000,
            steps=(STEP,),
            checks=(CheckView("error_ratio", "orders-api", 0.002, 0.01, True),),
            verified=True,
        ),
        option(PlanState.REJECTED, "B", note="not now"),
    ),
)
FAILED = replace(
    FOUND,
    options=(
        option(
            PlanState.FAILED,
            approved_by="U0ONCALL2",
            steps=(
                replace(STEP, state="failed"),
                replace(STEP, phase="undo", state="intended"),
            ),
            checks=(CheckView("error_ratio", "orders-api", None, 0.01, False),),
            verified=False,
            note="rolled back",
        ),
        option(PlanState.EXPIRED, "B"),
        option(PlanState.REFUSED, "C", note="revision changed"),
    ),
)
RESOLVED = replace(DONE, state=IncidentState.RESOLVED, resolved_ms=OPENED_MS + 400_000, alerts_firing=0)


def every() -> Iterator[tuple[str, Incident]]:
    """Name and incident for each interesting state."""
    named = {
        "declared": replace(BASE, alerts_total=0, services={}, timeline=()),
        "working": replace(BASE, investigating=True),
        "candidate": CANDIDATE,
        "found": FOUND,
        "rivals": RIVALS,
        "unsure": UNSURE,
        "expected": EXPECTED,
        "observed": OBSERVED,
        "no_incident": replace(BASE, diagnosis=diagnosis(Conclusion.NO_INCIDENT, 0.1)),
        "withheld": replace(UNSURE, withheld=(("rollback-deployment", "no older revision exists"),)),
        "destructive": replace(FOUND, options=(destructive(),)),
        "running": RUNNING,
        "granted": replace(FOUND, options=(option(PlanState.GRANTED, approved_by="U0ONCALL1"),)),
        "done": DONE,
        "failed": FAILED,
        "parked": replace(FOUND, options=(option(PlanState.PARKED, note="cannot be read back"),)),
        "stopped": replace(FOUND, options=(option(PlanState.STOPPED),)),
        "resolved": RESOLVED,
        "cancelled": replace(BASE, state=IncidentState.CANCELLED, resolved_ms=OPENED_MS + 1000),
        "much": much(),
    }
    yield from named.items()


def much() -> Incident:
    """Everything at its largest."""
    letters = [chr(65 + at) for at in range(8)]
    return replace(
        FOUND,
        title="x" * 4000,
        services={f"service-{at}-{'y' * 200}": at for at in range(300)},
        diagnosis=replace(
            diagnosis(Conclusion.CAUSE_FOUND, *([0.9] * 40)),
            evidence=evidence(400, "z" * 5000),
            missing=("m" * 900,) * 60,
        ),
        explanation=Explanation("model", "ok", tuple(Sentence("w " * 900, ("E1",)) for _ in range(50))),
        options=tuple(option(letter=letter) for letter in letters),
        notes=(),
    )


def hostile(payload: str) -> Incident:
    """The payload in every field that somebody else can fill."""
    made = replace(plan(), title=payload)
    view = OptionView("A", made.hash, made.to_json(), PlanState.PROPOSED)
    refused = OptionView("B", made.hash, made.to_json(), PlanState.REFUSED, note=payload)
    ran = OptionView(
        "C",
        made.hash,
        made.to_json(),
        PlanState.FAILED,
        note=payload,
        approved_by=payload,
        steps=(StepView("undo", "do", "failed", payload),),
        checks=(CheckView(payload, payload, 1.0, 0.5, False),),
    )
    items = tuple(
        replace(item, text=payload, quote=payload, service=payload, source=payload) for item in evidence()
    )
    hypotheses = (
        Hypothesis(
            payload,
            CauseClass.DEPLOY,
            0.9,
            (payload, f"{payload} [E1]"),
            ("E1",),
            (payload, payload),
            rules=(payload,),
            look=(payload,),
            grounds=(Ground(payload, 1.0, 1.0),),
        ),
        Hypothesis(payload, CauseClass.DEPLOY, 0.85, (payload,), ("E1", "E2"), ()),
    )
    return replace(
        FOUND,
        title=payload,
        services={payload: 3, payload + "2": 1},
        candidate=payload,
        candidate_why=payload,
        planned_event=payload,
        withheld=((payload, payload),),
        diagnosis=Diagnosis(
            Conclusion.CAUSE_FOUND,
            hypotheses,
            items,
            (payload,),
            payload,
            payload,
            Classification(CauseClass.DEPLOY, (payload,), 2, payload, Impact((payload,), (payload,))),
            (Precedent(payload, payload, payload, payload, 0.5),),
        ),
        explanation=Explanation(payload, "ok", (Sentence(payload, ("E1",)),), 3),
        options=(view, refused, ran),
    )
