"""`watchkeeper sources`: each alert source with its address, proof, set-up and last payload; --test sends a test alert."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from bot.adapters import registry
from bot.adapters.store.sightings import Sighting, newest
from bot.cli._opened import existing_store
from bot.domain.authenticity import Means, Scheme
from bot.domain.errors import Permanent
from bot.domain.source_facts import SourceFacts
from bot.http.doors import chosen_scheme
from bot.pipeline.try_out import send_test
from bot.ports import AlertParser
from bot.settings import Settings, Source, load
from bot.wiring.parts import SystemClock, parsers

app = typer.Typer(pretty_exceptions_enable=False)
_TEST_SENT = "A test alert of {name} is in the intake; its card appears in Slack in seconds. --end ends it."
_TEST_OVER = "The end of the test alert of {name} is in the intake."


@app.command()
def sources(
    show_token: Annotated[bool, typer.Option(help="Print the tokens too; they are secrets.")] = False,
    base_url: Annotated[str, typer.Option(help="Address at which senders reach the web process.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    kinds: Annotated[bool, typer.Option("--kinds", help="Print every system that can be a source.")] = False,
    test: Annotated[str, typer.Option(help="Send a test alert as this source.", metavar="NAME")] = "",
    end: Annotated[bool, typer.Option("--end", help="With --test: end the test alert.")] = False,
) -> None:
    """Print every configured source; a token is shown only when asked for."""
    if kinds:
        print("\n".join(_kind(facts) for facts in every_kind()))
        return
    settings = load()
    if not settings.sources:
        message = 'no source is configured: set WATCHKEEPER_SOURCES to {"prod": {"kind": "alertmanager", "token": "..."}}'
        raise Permanent(message)
    known = parsers(settings)
    if test:
        print(_tested(settings, test, over=end))
        return
    root = base_url.rstrip("/") or f"http://{settings.http_host}:{settings.http_port}"
    seen = _seen(settings)
    if as_json:
        rows = {
            name: _row(root, name, one, known[one.kind], seen.get(name))
            for name, one in settings.sources.items()
        }
        print(json.dumps(rows))
        return
    for name, source in settings.sources.items():
        print(_text(root, name, source, known[source.kind], seen.get(name), show_token=show_token))


def every_kind() -> list[SourceFacts]:
    """The facts of every parser in the folder, by kind."""
    return [registry.module("monitoring", name).FACTS for name in registry.names("monitoring")]


def _kind(facts: SourceFacts) -> str:
    return f"{facts.kind:18} {facts.title:40} {', '.join(facts.proofs)}"


def _tested(settings: Settings, name: str, *, over: bool) -> str:
    if name not in settings.sources:
        message = f"there is no source {name!r}; known: {', '.join(sorted(settings.sources))}"
        raise Permanent(message)
    now = SystemClock().now()
    with existing_store() as store:
        store.transact(lambda tx: send_test(tx, by="the command line", now=now, over=over, source=name))
    return (_TEST_OVER if over else _TEST_SENT).format(name=name)


def _seen(settings: Settings) -> Mapping[str, Sighting]:
    """What came in so far; nothing, where no process has made the database yet."""
    url = settings.database_url
    if url.startswith("sqlite:///") and not Path(url.removeprefix("sqlite:///")).is_file():
        return {}
    with existing_store() as store:
        return newest(store)


def _url(root: str, source: Source) -> str:
    return f"{root}/alerts/{source.kind}"


def _row(
    root: str, name: str, source: Source, parser: AlertParser, seen: Sighting | None
) -> dict[str, object]:
    return {
        "kind": source.kind,
        "url": _url(root, source),
        "proof": chosen_scheme(name, source, parser).name,
        "last": asdict(seen) if seen else None,
    }


def _text(
    root: str, name: str, source: Source, parser: AlertParser, seen: Sighting | None, *, show_token: bool
) -> str:
    token = source.token.get_secret_value() if show_token else "TOKEN-OF-THIS-SOURCE"
    scheme = chosen_scheme(name, source, parser)
    setup = parser.facts.setup.format(url=_url(root, source), token=token)
    lines = [
        f"{name} ({parser.facts.title})",
        *_way_in(root, source, scheme),
        f"  {_last(seen)}",
        *(f"  {line}" for line in setup.splitlines()),
    ]
    return "\n".join(lines) + "\n"


def _way_in(root: str, source: Source, scheme: Scheme) -> list[str]:
    if source.kind == "slack":
        return ["  over Slack: the messages of the apps that WATCHKEEPER_SLACK_ALERT_APPS names"]
    queue = [f"  pulled from {source.queue_url}"] if source.queue_url else []
    if queue and not source.token.get_secret_value() and not source.topics:
        return queue
    return [*queue, f"  POST {_address(root, source, scheme)}", f"  proof: {scheme.words.replace('`', '')}"]


def _address(root: str, source: Source, scheme: Scheme) -> str:
    query = f"?{scheme.header}=..." if scheme.means is Means.QUERY else ""
    return _url(root, source) + query


def _last(seen: Sighting | None) -> str:
    if seen is None:
        return "nothing received yet"
    at = datetime.fromtimestamp(seen.at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    trouble = f"; it failed: {seen.note}" if seen.note else ""
    return f"{seen.payloads} payloads kept, the last at {at} ({seen.state}{trouble})"
