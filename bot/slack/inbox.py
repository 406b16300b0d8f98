"""The deciding loop of web: takes recorded rows, clicks first, decides them and answers in private.

A row is decided and settled in one transaction. Rows that only the gate can judge are settled right after it;
a crash between lets the gate say that it was decided already. A row that cannot be read is set aside after three tries.
"""

from functools import partial

import structlog

from bot.blocks.answers import said
from bot.boundary import guarded
from bot.domain.errors import Conflict, Permanent, Retryable
from bot.domain.gate import WARN_SKEW_S, Click
from bot.domain.records import InboxRow
from bot.pipeline.approve import approve
from bot.pipeline.order_desk import sign
from bot.ports import Transaction
from bot.slack.deciding import clicks, words
from bot.slack.deciding.parts import (
    DecidingParts,
    Decision,
    GateRequest,
    Person,
    Request,
    refused,
    request_of,
    signing_of,
)
from bot.slack.recording import MARKS

_log = structlog.get_logger()
_BATCH = 50
_TRIES = 3
_POISON = (LookupError, TypeError, ValueError, AttributeError, RecursionError, Permanent, Conflict)
_DECIDERS = {"click": clicks.decide, "command": words.decide}


def decide_inbox(parts: DecidingParts) -> int:
    """Decide everything that is pending; returns how many rows were taken up."""
    rows = parts.store.read(lambda tx: tx.pending_inbox(limit=_BATCH))
    for row in rows:
        parts.make_way()
        guarded("inbox", partial(_take_up, parts, row))
    return len(rows)


def _take_up(parts: DecidingParts, row: InboxRow) -> None:
    if row.kind in MARKS:
        parts.store.transact(lambda tx: tx.settle_inbox(row.id, note="a mark against a second delivery"))
        return
    try:
        request = request_of(parts, row.payload, row.received_at)
        decision = parts.store.transact(partial(_decide, parts, row, request))
        if decision.gate is not None:
            decision = _through_the_gate(parts, row, request, decision.gate)
    except _POISON as error:
        parts.store.transact(lambda tx: tx.retry_inbox(row.id, quarantine_after=_TRIES))
        _log.error(
            "inbox_row_failed", row=row.id, kind=row.kind, tries=row.tries + 1, reason=type(error).__name__
        )
        return
    _carry_out(parts, request.person, decision)


def _decide(parts: DecidingParts, row: InboxRow, request: Request, tx: Transaction) -> Decision:
    sentence = refused(request, parts.home_team)
    if sentence and not clicks.gated(row.payload):
        # The gate says its own no, with its rule in the log; for everything else it is said here.
        decision = Decision("refused", said(sentence))
    else:
        decision = _DECIDERS[row.kind](parts, tx, request)
    if decision.gate is None:
        tx.settle_inbox(row.id, note=decision.note)
    return decision


def _through_the_gate(parts: DecidingParts, row: InboxRow, request: Request, gate: GateRequest) -> Decision:
    click = Click(
        user=request.person.user,
        team=request.person.team,
        channel=gate.channel,
        message_ts=gate.message_ts,
        plan_hash=gate.plan_hash,
        incident=gate.incident,
        verb=gate.verb,
        at=row.received_at,
        reason=gate.reason,
        typed_name=gate.typed_name,
        external=bool(request.payload.get("external", False)),
        slack_at=float(request.payload.get("slack_at") or 0.0),
    )
    _warn_of_skew(click)
    if gate.order:
        signed = sign(click, signing_of(parts))
        note = f"{signed.outcome.value} {signed.rule}".strip()
        parts.store.transact(lambda tx: tx.settle_inbox(row.id, note=note))
        return Decision(note, said(signed.text))
    outcome = approve(
        click,
        store=parts.store,
        chat=parts.chat,
        clock=parts.clock,
        grant_key=parts.grant_key,
        approver_group=parts.approver_group,
        home_team=parts.home_team,
        observe_only=parts.observe_only,
        undo_max_age_s=parts.undo_max_age_s,
    )
    note = f"{outcome.outcome.value} {outcome.rule}".strip()
    parts.store.transact(lambda tx: tx.settle_inbox(row.id, note=note))
    return Decision(note, said(outcome.text))


def _warn_of_skew(click: Click) -> None:
    skew = abs(click.slack_at - click.at) if click.slack_at else 0.0
    if skew > WARN_SKEW_S:
        _log.warning("clock_skew", other="slack", seconds=round(skew))


def _carry_out(parts: DecidingParts, person: Person, decision: Decision) -> None:
    """What may be lost without harm to what was decided: pokes, the modal, the private answer."""
    for task in decision.tasks:
        try:
            parts.queue.poke("bot.jobs.work", task)
        except Retryable as error:
            _log.warning("poke_lost", task=task, reason=str(error))
    parts.say(person, decision)
