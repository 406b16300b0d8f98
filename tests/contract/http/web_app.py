"""The web process's own application in this process, called as an ASGI server calls it; what it logs is kept.

Nothing runs beside it but the group commit: no socket, no sweeper, no outbox, so that a call costs a millisecond.
"""

import asyncio
import contextlib
import hashlib
import hmac
import io
import logging
import sqlite3
import threading
from collections.abc import Coroutine, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pytest
import structlog
from starlette.applications import Starlette

from bot.adapters.chat.slack import SlackChat, web_client
from bot.adapters.monitoring._sns import SnsNotary
from bot.adapters.queue.inline import InlineQueue
from bot.adapters.store.sql import SqlStore, open_store
from bot.domain.secret import SecretStr
from bot.http.conditions import Conditions
from bot.http.group_commit import GroupCommit
from bot.http.poker import Poker
from bot.settings import Settings
from bot.slack.due import Bell
from bot.slack.order_posts import OrderPosts
from bot.slack.outbox import Outbox
from bot.slack.pace import Pace
from bot.wiring import web
from tests.contract.monitoring.conftest import Noon, sources
from tests.contract.monitoring.fixtures import AT, HERE
from tests.contract.monitoring.signing import Sns

T = TypeVar("T")
SIGNING_SECRET = "signing-secret-of-the-test"
OPERATOR_TOKEN = "operator-token-of-the-test"
CANARY = "canary-7f3a91c2"
TEAM = "T0HOME"
LONGEST_S = 60.0
Headers = Iterable[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    content: bytes


@dataclass
class Called:
    """The application, its store, and what it logged; exceptions that reach the server are raised here."""

    app: Starlette
    web: web.Web
    store: SqlStore
    sns: Sns
    look: sqlite3.Connection
    log: io.StringIO
    loop: asyncio.AbstractEventLoop
    beside: list["asyncio.Task[None]"] = field(default_factory=list)

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        """Run in the application's loop."""
        return self.loop.run_until_complete(asyncio.wait_for(work, LONGEST_S))

    def call(
        self, method: str, path: str, body: bytes = b"", headers: Headers = (), client: str = "192.0.2.7"
    ) -> Answer:
        """One request from an address of somebody else."""
        return self.do(self._call(method, path, body, list(headers), client))

    async def _call(self, method: str, path: str, body: bytes, headers: Headers, client: str) -> Answer:
        bare, _, query = path.partition("?")
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
            "path": bare, "raw_path": bare.encode(), "query_string": query.encode(), "root_path": "",
            "headers": [(name.lower().encode("latin-1"), text.encode("latin-1")) for name, text in headers],
            "client": (client, 40000), "server": ("127.0.0.1", 8080), "app": self.app, "state": {},
        }  # fmt: skip
        parts = [body[at : at + 65536] for at in range(0, len(body), 65536)] or [b""]
        told: list[Mapping[str, Any]] = []

        async def receive() -> dict[str, Any]:
            if not parts:
                return {"type": "http.disconnect"}
            return {"type": "http.request", "body": parts.pop(0), "more_body": bool(parts)}

        async def send(message: Mapping[str, Any]) -> None:
            told.append(message)

        await self.app(scope, receive, send)
        begun = next(one for one in told if one["type"] == "http.response.start")
        content = b"".join(one.get("body", b"") for one in told if one["type"] == "http.response.body")
        shown = {name.decode("latin-1"): text.decode("latin-1") for name, text in begun["headers"]}
        return Answer(begun["status"], shown, content)

    def logged(self) -> str:
        """What was logged since the last look."""
        said = self.log.getvalue()
        self.log.seek(0)
        self.log.truncate()
        return said


def slack_headers(
    body: bytes, content_type: str = "application/x-www-form-urlencoded"
) -> list[tuple[str, str]]:
    """As Slack signs the body."""
    stamp = str(int(AT))
    mac = hmac.new(SIGNING_SECRET.encode(), f"v0:{stamp}:".encode() + body, hashlib.sha256).hexdigest()
    return [
        ("Host", "bot.example.com"),
        ("X-Slack-Request-Timestamp", stamp),
        ("X-Slack-Signature", f"v0={mac}"),
        ("Content-Type", content_type),
    ]


@contextlib.contextmanager
def called(folder: Path) -> Iterator[Called]:
    """The application on a fresh store in `folder`, in HTTP mode, with a source for each proof of each system."""
    given = sources()
    for name, source in given.items():
        if source.kind == "mapped":
            given[name] = msgspec.structs.replace(source, mapping=HERE / "mapped.toml")
    settings = Settings(
        data_dir=folder,
        database_url=f"sqlite:///{folder / 'w.sqlite3'}",
        audit_key=SecretStr("a" * 64),
        storage_key=SecretStr("b" * 64),
        grant_key=SecretStr("c" * 64),
        slack_mode="http",
        slack_signing_secret=SecretStr(SIGNING_SECRET),
        slack_bot_token=SecretStr("xoxb-of-the-test"),
        operator_token=SecretStr(OPERATOR_TOKEN),
        sources=given,
    )
    store = open_store(settings)
    assert isinstance(store, SqlStore)
    sns, parts = Sns(), _parts(settings, store)
    with pytest.MonkeyPatch.context() as patch, _kept_log() as log:
        # Amazon's certificates come from this test's own topic, and from no network.
        patch.setattr(web.sns, "build", lambda **_given: SnsNotary(sns.fetch))
        app = web._http(parts)
        loop = asyncio.new_event_loop()
        look = sqlite3.connect(folder / "w.sqlite3", isolation_level=None)
        made = Called(app, parts, store, sns, look, log, loop, [loop.create_task(parts.commits.run())])
        yield made
        for task in made.beside:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*made.beside, return_exceptions=True))
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()
        look.close()
    store.close()


def _parts(settings: Settings, store: SqlStore) -> web.Web:
    clock: Any = Noon()
    chat = SlackChat(web_client("http://127.0.0.1:9/api/", "xoxb-of-the-test"), clock)
    queue = InlineQueue({})
    poker = Poker(queue)
    poke = threading.Event()
    return web.Web(
        settings=settings,
        store=store,
        queue=queue,
        chat=chat,
        clock=clock,
        outbox=Outbox(store, chat, clock, "C0ALERTS", "oncall", "S0ONCALL", "web"),
        order_posts=OrderPosts(store, chat, clock, "C0ALERTS", "web", Pace()),
        playbooks=(),
        poker=poker,
        commits=GroupCommit(store, _nothing),
        slack=web._slack_ports(settings, store, clock, poker, poke, team=TEAM, bot_user="U0BOT"),
        inbox_poke=poke,
        stopping=threading.Event(),
        bell=Bell(store, clock, lambda: 1e9),
        conditions=Conditions({}, lambda _key, _words: None, clock.now),
    )


def _nothing() -> None:
    """No correlator waits for what was committed."""


@contextlib.contextmanager
def _kept_log() -> Iterator[io.StringIO]:
    """Everything that is logged, before anything is redacted."""
    kept = io.StringIO()
    before, root = structlog.get_config(), logging.getLogger()
    hearing = logging.StreamHandler(kept)
    structlog.configure(
        processors=[structlog.processors.add_log_level, structlog.processors.format_exc_info, _plain],
        logger_factory=structlog.PrintLoggerFactory(kept),
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        cache_logger_on_first_use=False,
    )
    root.addHandler(hearing)
    try:
        yield kept
    finally:
        root.removeHandler(hearing)
        structlog.configure(**before)


def _plain(_logger: object, _method: str, event: Mapping[str, Any]) -> str:
    return " ".join(f"{name}={value}" for name, value in event.items())
