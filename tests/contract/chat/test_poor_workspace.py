"""A workspace that refuses younger blocks: the adapter learns which ones, once, and says the same with older blocks."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

import pytest

from bot.adapters.chat.slack import SlackChat, web_client
from bot.blocks import evidence, proposal
from bot.blocks.shape import Place, Rendered
from bot.domain.errors import Permanent
from tests.contract.chat.test_chat import FixedClock
from tests.unit.blocks import samples


@dataclass
class Poor:
    """A Slack that takes no block of these types; `named` says whether it tells which."""

    refused: set[str]
    named: bool
    url: str = ""
    seen: list[list[str]] = field(default_factory=list)

    def answer(self, blocks: list[dict[str, Any]]) -> dict[str, Any]:
        self.seen.append([block["type"] for block in blocks])
        wrong = [at for at, block in enumerate(blocks) if block["type"] in self.refused]
        if not wrong:
            return {"ok": True, "ts": "1790000000.000100", "channel": "C0ALERTS"}
        told = (
            [f"[ERROR] unsupported type [json-pointer:/blocks/{at}/type]" for at in wrong]
            if self.named
            else []
        )
        return {"ok": False, "error": "invalid_blocks", "response_metadata": {"messages": told}}


def serve(poor: Poor) -> ThreadingHTTPServer:
    class Answering(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            form = parse_qs(self.rfile.read(int(self.headers["content-length"])).decode())
            body = json.dumps(poor.answer(json.loads(form["blocks"][0]))).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_args: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    poor.url = f"http://127.0.0.1:{server.server_address[1]}/api/"
    return server


@pytest.fixture(params=[True, False], ids=["named", "unnamed"])
def poor(request: pytest.FixtureRequest) -> Iterator[Poor]:
    made = Poor({"container", "table"}, request.param)
    server = serve(made)
    yield made
    server.shutdown()
    server.server_close()


def post(chat: SlackChat, message: Rendered) -> None:
    chat.post(channel="C0ALERTS", thread_ts="", text=message.text, blocks=message.blocks, dedupe="d")


def test_it_learns_once_and_remembers(poor: Poor) -> None:
    chat = SlackChat(web_client(poor.url, "xoxb-x"), FixedClock())
    offered = proposal.render(samples.FOUND, Place())
    post(chat, offered)
    assert "container" in poor.seen[0]
    assert not {"container", "table"} & set(poor.seen[1])
    post(chat, offered)
    assert len(poor.seen) == 3, "the second message is right at once"
    post(chat, evidence.render(samples.FOUND, Place()))
    assert not {"container", "table"} & set(poor.seen[-1])


def test_blocks_that_no_ladder_helps_are_permanent(poor: Poor) -> None:
    poor.refused = {"section", "header"}
    chat = SlackChat(web_client(poor.url, "xoxb-x"), FixedClock())
    with pytest.raises(Permanent, match="invalid_blocks"):
        post(chat, evidence.render(samples.RESOLVED, Place()))
    assert len(poor.seen) <= 3
