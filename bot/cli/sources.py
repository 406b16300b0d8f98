"""`watchkeeper sources`: each alert source with its address, how to set it up, and the last payload seen."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from bot.adapters.store.sightings import Sighting, newest
from bot.cli._opened import existing_store
from bot.domain.errors import Permanent
from bot.settings import Settings, Source, load
from bot.wiring.parts import parsers

app = typer.Typer(pretty_exceptions_enable=False)

_ALERTMANAGER = """\
  alertmanager.yml:
    route:
      receiver: watchkeeper
      group_by: [alertname, service]
      group_wait: 1s
      group_interval: 10s
    receivers:
      - name: watchkeeper
        webhook_configs:
          - url: {url}
            send_resolved: true
            http_config:
              authorization:
                type: Bearer
                credentials: {token}"""
_GENERIC = """\
  curl -sS {url} -H 'Authorization: Bearer {token}' -H 'Content-Type: application/json' \\
    -d '{{"alerts": [{{"name": "TestAlert", "service": "checkout", "severity": "warning"}}]}}'"""
_HINTS = {"alertmanager": _ALERTMANAGER, "generic": _GENERIC}


@app.command()
def sources(
    show_token: Annotated[bool, typer.Option(help="Print the tokens too; they are secrets.")] = False,
    base_url: Annotated[str, typer.Option(help="Address at which senders reach the web process.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Print every configured source; a token is shown only when asked for."""
    settings = load()
    if not settings.sources:
        message = 'no source is configured: set WATCHKEEPER_SOURCES={"prod": {"kind": "alertmanager", "token": "..."}}'
        raise Permanent(message)
    parsers(settings)
    root = base_url.rstrip("/") or f"http://{settings.http_host}:{settings.http_port}"
    seen = _seen(settings)
    if as_json:
        print(json.dumps({name: _row(root, one, seen.get(name)) for name, one in settings.sources.items()}))
        return
    for name, source in settings.sources.items():
        print(_text(root, name, source, seen.get(name), show_token=show_token))


def _seen(settings: Settings) -> Mapping[str, Sighting]:
    """What came in so far; nothing, where no process has made the database yet."""
    url = settings.database_url
    if url.startswith("sqlite:///") and not Path(url.removeprefix("sqlite:///")).is_file():
        return {}
    with existing_store() as store:
        return newest(store)


def _url(root: str, source: Source) -> str:
    return f"{root}/alerts/{source.kind}"


def _row(root: str, source: Source, seen: Sighting | None) -> dict[str, object]:
    return {"kind": source.kind, "url": _url(root, source), "last": asdict(seen) if seen else None}


def _text(root: str, name: str, source: Source, seen: Sighting | None, *, show_token: bool) -> str:
    token = source.token.get_secret_value() if show_token else "TOKEN-OF-THIS-SOURCE"
    hint = _HINTS.get(source.kind, "").format(url=_url(root, source), token=token)
    lines = [f"{name} ({source.kind})", f"  POST {_url(root, source)}", f"  {_last(seen)}", hint]
    return "\n".join(line for line in lines if line) + "\n"


def _last(seen: Sighting | None) -> str:
    if seen is None:
        return "nothing received yet"
    at = datetime.fromtimestamp(seen.at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    trouble = f"; it failed: {seen.note}" if seen.note else ""
    return f"{seen.payloads} payloads kept, the last at {at} ({seen.state}{trouble})"
