"""/switch: stop and freeze from a browser or curl, with Slack, Redis and the model down. It lifts and approves nothing."""

import asyncio
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from urllib.parse import parse_qsl

from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from bot.domain.errors import Permanent, Retryable
from bot.domain.freeze import FreezeWindow, Switch
from bot.domain.freeze_words import window_of
from bot.domain.scope import scope_words
from bot.http.switch_guard import Guard
from bot.pipeline.freeze import freeze_in
from bot.pipeline.switch import TENANT, Switched, switch_in
from bot.ports import Clock, Store, Transaction

MOST_BYTES = 8192
_SCOPES = "tenant (everything), service:NAME, action:ID or INC-7"
_REFUSED = {
    Switched.NO_SUCH_SCOPE: f"There is no such scope; write {_SCOPES}.",
    Switched.NO_SUCH_INCIDENT: "There is no such incident.",
    Switched.OVER: "That time is over already.",
}
_DOWN = "The database cannot be reached, so nothing was set. Where a stop file is configured, create it now."


@dataclass(frozen=True, slots=True)
class SwitchPorts:
    """What the page works with."""

    store: Store
    clock: Clock
    guard: Guard


def routes(ports: SwitchPorts) -> list[Route]:
    """The page and its form."""

    async def show(request: Request) -> Response:
        allowed = ports.guard.local(request) or ports.guard.bearer(request)
        return await _page(ports, allowed=allowed, status=200 if allowed else 401)

    async def turn(request: Request) -> Response:
        fields = await _fields(request)
        if fields is None:
            return await _page(ports, allowed=False, status=413)
        if not ports.guard.bearer(request):
            if not (ports.guard.local(request) or ports.guard.typed(fields)):
                return await _page(ports, allowed=False, status=401, said="The token is missing or wrong.")
            if not ports.guard.form_is_ours(request, fields, ports.clock.now()):
                return await _page(
                    ports, allowed=False, status=403, said="This form is old or not ours; use this one."
                )
        by = f"page:{request.client.host}" if request.client else "page"
        try:
            done, said = await asyncio.to_thread(_turned, ports, fields, by)
        except (Retryable, Permanent):
            return await _page(ports, allowed=False, status=503, said=_DOWN)
        return await _page(ports, allowed=True, status=200 if done else 400, said=said)

    return [Route("/switch", show, methods=["GET"]), Route("/switch", turn, methods=["POST"])]


def _turned(ports: SwitchPorts, fields: dict[str, str], by: str) -> tuple[bool, str]:
    """Stop, or freeze for a time; there is no field that lifts anything."""
    now = ports.clock.now()
    scope = _scope(fields.get("scope", ""))
    if fields.get("do") == "stop":
        outcome = ports.store.transact(lambda tx: switch_in(tx, scope, on=True, by=by, now=now))
        if outcome.reason is not Switched.SET:
            return False, _REFUSED[outcome.reason]
        return True, f"Stopped: no further step starts for {scope_words(scope)}."
    if fields.get("do") != "freeze":
        return False, "Choose stop or freeze."
    try:
        window = window_of(lasts=fields.get("lasts", "") or "2h", starts="", ends="", now=now)
    except ValueError as error:
        return False, str(error)
    starts_at, ends_at = window or (now, now)

    def work(tx: Transaction) -> FreezeWindow | Switched:
        entered = freeze_in(
            tx, scope, starts_at=starts_at, ends_at=ends_at, reason=fields.get("reason", ""), by=by, now=now
        )
        return entered.window or entered.reason

    entered = ports.store.transact(work)
    if isinstance(entered, Switched):
        return False, _REFUSED[entered]
    return True, f"Frozen: {entered.words()}. It ends by itself."


def _scope(typed: str) -> str:
    scope = typed.strip()[:120]
    if scope in ("", TENANT):
        return TENANT
    return scope if ":" in scope else f"incident:{scope}"


async def _fields(request: Request) -> dict[str, str] | None:
    """The form's fields, or None when the body is larger than such a form can be."""
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > MOST_BYTES:
                return None
    except ClientDisconnect:
        return None
    return dict(parse_qsl(body.decode("utf-8", "replace"), max_num_fields=20, keep_blank_values=True))


async def _page(ports: SwitchPorts, *, allowed: bool, status: int, said: str = "") -> Response:
    """The form, and to whoever is allowed what is stopped and frozen now."""
    state = ""
    if allowed:
        try:
            state = await asyncio.to_thread(_state, ports)
        except (Retryable, Permanent):
            state, status, said = "", 503, said or _DOWN
    nonce = secrets.token_urlsafe(12)
    html = _HTML.format(
        nonce=nonce,
        said=f"<p role=status><b>{escape(said)}</b></p>" if said else "",
        state=state,
        form=escape(ports.guard.form_token(ports.clock.now())),
        token="" if allowed and not ports.guard.token else _ASK_OTHERS,
        scopes=escape(_SCOPES),
    )
    policy = (
        f"default-src 'none'; style-src 'nonce-{nonce}'; form-action 'self'; "
        "frame-ancestors 'none'; base-uri 'none'"
    )
    headers = {
        "Content-Security-Policy": policy,
        "Cache-Control": "no-store",
        "Referrer-Policy": "same-origin",
        "X-Content-Type-Options": "nosniff",
    }
    return HTMLResponse(html, status_code=status, headers=headers)


def _state(ports: SwitchPorts) -> str:
    now = ports.clock.now()
    switches, windows = ports.store.read(lambda tx: (tx.switches_on(), tx.freezes(after=now)))
    lines = [_switch_line(one) for one in switches] + [_window_line(one, now) for one in windows]
    if not lines:
        return "<p>Nothing is stopped or frozen.</p>"
    return "<ul>" + "".join(f"<li>{escape(line)}</li>" for line in _bounded(lines)) + "</ul>"


def _bounded(lines: Sequence[str]) -> list[str]:
    left = len(lines) - 100
    return [*lines[:100], *([f"and {left} more"] if left > 0 else [])]


def _switch_line(switch: Switch) -> str:
    return f"Stopped: {scope_words(switch.scope)}, since {_moment(switch.at)}, by {switch.by}"


def _window_line(window: FreezeWindow, now: float) -> str:
    begins = "Frozen" if window.starts_at <= now else f"To be frozen from {_moment(window.starts_at)}"
    return f"{begins}: {window.words()}, by {window.by}"


def _moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


_ASK_OTHERS = (
    "<label>Operator token (not needed on the host itself)"
    '<input name=token type=password autocomplete="current-password"></label>'
)
_HTML = """<!doctype html>
<html lang=en><head><meta charset=utf-8><meta name=viewport content="width=device-width, initial-scale=1">
<title>Watchkeeper · stop</title>
<style nonce="{nonce}">
body{{font:16px/1.5 system-ui,sans-serif;max-width:38rem;margin:2rem auto;padding:0 1rem;color:#1d1c1d}}
label{{display:block;margin:.75rem 0;font-weight:600}}
input{{display:block;width:100%;font:inherit;padding:.5rem;box-sizing:border-box;border:1px solid #868686;border-radius:4px}}
button{{font:inherit;font-weight:700;padding:.75rem 1.25rem;border:0;border-radius:4px;margin:.5rem .5rem 0 0;color:#fff}}
.stop{{background:#b3093c}}.freeze{{background:#1264a3}}
</style></head><body>
<h1>Stop or freeze changes</h1>
{said}{state}
<form method=post action="/switch">
<input type=hidden name=form value="{form}">
<label>Scope: {scopes}<input name=scope value="tenant"></label>
{token}
<p><button class=stop name=do value=stop>Stop now, until lifted</button></p>
<label>Freeze for<input name=lasts value="2h"></label>
<label>Reason<input name=reason maxlength=200></label>
<button class=freeze name=do value=freeze>Freeze for this time</button>
</form>
<p>A stop lets the step in flight finish and starts no other. Lifting is not possible here: an approver uses
<code>/incident unfreeze</code> in Slack, an operator <code>watchkeeper stop --off</code>.</p>
</body></html>
"""
