"""Private answers at the address that came with a command: where they go, where they never go, and what Slack's no means."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from bot.adapters.chat._reply import Reply
from bot.adapters.chat.slack import SlackChat, web_client
from bot.domain.errors import Permanent, Retryable, Undecided, WatchkeeperError
from tests.contract.chat.test_chat import FixedClock
from tests.contract.standing import standing

SECRET = "commands/T1/2/opens-a-door"


@dataclass
class Hook:
    """A server that answers as told, and what it was asked; the Web API of it knows no channel."""

    server: ThreadingHTTPServer
    asked: list[str] = field(default_factory=list)
    answers: list[tuple[int, dict[str, str], bytes]] = field(default_factory=list)

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.server.server_port}"

    def whisper(self, address: str) -> None:
        chat = SlackChat(web_client(f"http://{self.host}/api/", "xoxb-test"), FixedClock())
        chat.ephemeral(
            channel="C0ELSE", thread_ts="", user="U0ONCALL1", text="psst", blocks=[], reply_url=address
        )


@pytest.fixture
def hook() -> Iterator[Hook]:
    class Answering(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"] or 0))
            told: tuple[int, dict[str, str], bytes] = (200, {}, b'{"ok": false, "error": "not_in_channel"}')
            if not self.path.startswith("/api/"):
                found.asked.append(self.path)
                told = found.answers.pop(0) if found.answers else (200, {}, b"ok")
            status, headers, body = told
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self) -> None:
            self.do_POST()

        def log_message(self, *_told: Any) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answering) as server:
        found = Hook(server)
        threading.Thread(target=partial(server.serve_forever, 0.02), daemon=True).start()
        with standing(server):
            yield found


def test_it_is_said_there_where_the_bot_is_no_member(hook: Hook) -> None:
    hook.whisper(f"http://{hook.host}/{SECRET}")
    assert hook.asked == [f"/{SECRET}"]


def test_without_an_address_the_refusal_stands(hook: Hook) -> None:
    with pytest.raises(Permanent, match="not_in_channel"):
        hook.whisper("")
    assert hook.asked == []


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        ((404, {}, b'{"ok": false, "error": "used_url"}'), Permanent, "404 used_url"),
        ((404, {}, b"<html>nobody knows"), Permanent, r"\(404\)"),
        ((429, {"Retry-After": "7"}, b""), Retryable, "asks to wait"),
        ((503, {}, b""), Undecided, "503"),
        ((302, {"Location": "/elsewhere"}, b""), Permanent, "302"),
        ((307, {"Location": "/elsewhere"}, b""), Permanent, "307"),
    ],
)
def test_a_refusal_says_what_helps_and_never_the_secret(
    hook: Hook, answer: tuple[int, dict[str, str], bytes], kind: type[WatchkeeperError], words: str
) -> None:
    hook.answers.append(answer)
    with pytest.raises(kind, match=words) as caught:
        hook.whisper(f"http://{hook.host}/{SECRET}")
    assert hook.asked == [f"/{SECRET}"]
    assert "opens-a-door" not in str(caught.value)
    assert getattr(caught.value, "delay_s", 7.0) == 7.0


OWN, SLACKS = "http://{host}/api/", "https://slack.com/api/"


@pytest.mark.parametrize(
    ("api", "address"),
    [
        (OWN, "http://localhost:{port}/x"),
        (OWN, "https://{host}/x"),
        (OWN, "http://someone@{host}/x"),
        (OWN, "http://{host}@hooks.slack.com/x"),
        (OWN, "http://{host}\\@hooks.slack.com/x"),
        (OWN, "http://{host}/x\r\nHost: elsewhere"),
        (OWN, "//{host}/x"),
        (OWN, "/x"),
        (OWN, "http://[::1/x"),
        (SLACKS, "http://hooks.slack.com/x"),
        (SLACKS, "https://slack.com/x"),
        (SLACKS, "https://hooks.slack.com:444/x"),
        (SLACKS, "https://hooks.slack.com.example.com/x"),
        (SLACKS, "https://hooks.slack.com@{host}/x"),
        (SLACKS, "http://{host}/x"),
    ],
)
def test_another_address_than_slacks_is_never_asked(hook: Hook, api: str, address: str) -> None:
    reply = Reply(web_client(api.format(host=hook.host), "xoxb-test"))
    with pytest.raises(Permanent, match="no address of Slack's"):
        reply.send(address.format(host=hook.host, port=hook.server.server_port), {})
    assert hook.asked == []
