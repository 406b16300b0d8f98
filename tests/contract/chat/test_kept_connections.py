"""Connections to Slack are kept, and what went wrong on a kept one is never taken for what did not happen."""

import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from bot.adapters.chat.slack import SlackChat, web_client
from bot.domain.errors import Undecided
from tests.contract.chat.test_chat import FixedClock

_BODY = b'{"ok": true, "ts": "1790000000.000100", "channel": "C0ALERTS"}'
_YES = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (
    len(_BODY),
    _BODY,
)


@dataclass
class Rude:
    """A Slack that hangs up when told: `cuts` names the calls, counted over all connections, that get no answer."""

    listening: socket.socket
    cuts: set[int] = field(default_factory=set)
    hangs_up_after: int = 1000
    connections: int = 0
    calls: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.listening.getsockname()[1]}/api/"

    def serve(self) -> None:
        while True:
            try:
                connection, _ = self.listening.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as said:
            for answered in range(1, self.hangs_up_after + 1):
                line = said.readline().decode()
                if not line:
                    return
                length = 0
                while (header := said.readline().strip()) != b"":
                    if header.lower().startswith(b"content-length:"):
                        length = int(header.split(b":")[1])
                said.read(length)
                self.calls.append(line.split()[1].removeprefix("/api/"))
                if len(self.calls) in self.cuts:
                    return
                connection.sendall(_YES)
                if answered == self.hangs_up_after:
                    return


@pytest.fixture
def rude() -> Iterator[Rude]:
    listening = socket.create_server(("127.0.0.1", 0))
    made = Rude(listening)
    threading.Thread(target=made.serve, daemon=True).start()
    yield made
    listening.shutdown(socket.SHUT_RDWR)
    listening.close()


@pytest.fixture
def chat(rude: Rude) -> SlackChat:
    return SlackChat(web_client(rude.url, "xoxb-x"), FixedClock())


def post(chat: SlackChat) -> str:
    return chat.post(channel="C0ALERTS", thread_ts="", text="x", blocks=[], dedupe="d")


def edit(chat: SlackChat) -> None:
    chat.update(channel="C0ALERTS", ts="1.1", text="x", blocks=[])


def test_calls_share_a_connection(rude: Rude, chat: SlackChat) -> None:
    for _ in range(5):
        post(chat)
        edit(chat)
    assert rude.calls == ["chat.postMessage", "chat.update"] * 5
    assert rude.connections == 1


def test_a_post_does_not_go_out_on_a_connection_that_was_closed(rude: Rude, chat: SlackChat) -> None:
    rude.hangs_up_after = 1
    for _ in range(3):
        post(chat)
        threading.Event().wait(0.05)  # Until the other side's goodbye is here.
    assert rude.calls == ["chat.postMessage"] * 3
    assert rude.connections == 3


def test_a_post_that_is_cut_off_is_sent_once_and_undecided(rude: Rude, chat: SlackChat) -> None:
    edit(chat)
    rude.cuts = {2}
    with pytest.raises(Undecided):
        post(chat)
    assert rude.calls == ["chat.update", "chat.postMessage"]


def test_an_edit_that_is_cut_off_on_a_kept_connection_is_sent_again(rude: Rude, chat: SlackChat) -> None:
    edit(chat)
    rude.cuts = {2}
    edit(chat)
    assert rude.calls == ["chat.update"] * 3
    assert rude.connections == 2


def test_calls_at_the_same_time_share_nothing(rude: Rude, chat: SlackChat) -> None:
    def edits() -> None:
        for _ in range(20):
            edit(chat)

    threads = [threading.Thread(target=edits) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(rude.calls) == 80
    assert 1 <= rude.connections <= 4 + 4
