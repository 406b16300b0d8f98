"""The way to Slack's Web API: connections that are kept between calls, since a new one costs more than the call itself.

Answers, errors and settings are those of `slack_sdk`, which also makes the calls where a proxy stands between. Whether a
call that got no answer has happened is for the caller to find out: only one that may be repeated is sent once more, and only
where a kept connection turns out to be closed.
"""

import http.client
import json
import select
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit
from urllib.request import proxy_bypass

from slack_sdk import WebClient
from slack_sdk.web import SlackResponse

# Slack and what stands before it keep a silent connection for a minute or longer.
_MOST_IDLE_S = 30.0
_MOST_KEPT = 4


class Wire:
    """Calls with the token and the address of `client`. Safe to share between threads, which never share a connection."""

    def __init__(self, client: WebClient) -> None:
        self._client = client
        address = urlsplit(client.base_url)
        self._host, self._port, self._path = address.hostname or "", address.port, address.path
        self._encrypted = address.scheme == "https"
        self._proxied = bool(client.proxy) and not proxy_bypass(self._host)
        self._head = _head(address.netloc.rpartition("@")[2], client)
        self._trust = client.ssl
        self._idle: list[tuple[http.client.HTTPConnection, float]] = []
        self._lock = threading.Lock()

    def call(self, method: str, fields: Mapping[str, Any], *, repeatable: bool) -> SlackResponse:
        """Call and return Slack's yes; raises SlackApiError for its no, and what the network raised."""
        if self._proxied:
            return self._client.api_call(method, data=dict(fields))
        told = {name: str(int(value)) if isinstance(value, bool) else value for name, value in fields.items()}
        status, headers, body = self._exchange(method, urlencode(told).encode(), repeatable=repeatable)
        answer = SlackResponse(
            client=self._client,
            http_verb="POST",
            api_url=f"{self._client.base_url}{method}",
            req_args={},
            data=_object(body),
            headers=headers,
            status_code=status,
        )
        answer.validate()  # type: ignore[no-untyped-call]  # slack_sdk's own way to raise Slack's no
        return answer

    def _exchange(self, method: str, body: bytes, *, repeatable: bool) -> tuple[int, dict[str, str], bytes]:
        kept = self._kept()
        try:
            return self._ask(kept or self._new(), method, body)
        except (ConnectionResetError, BrokenPipeError):
            if kept is None or not repeatable:
                raise
        return self._ask(self._new(), method, body)

    def _ask(
        self, connection: http.client.HTTPConnection, method: str, body: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        done = False
        try:
            if connection.sock is None:
                connection.connect()
            # Head and body in one piece: two would be two packets, and the other side would wake twice.
            line = f"POST {self._path}{method} HTTP/1.1\r\n{self._head}Content-Length: {len(body)}\r\n\r\n"
            connection.sock.sendall(line.encode("latin-1") + body)
            answer = http.client.HTTPResponse(connection.sock, method="POST")
            answer.begin()
            found = answer.status, dict(answer.headers.items()), answer.read()
            done = not answer.will_close
        finally:
            if not done:
                connection.close()
        self._keep(connection)
        return found

    def _kept(self) -> http.client.HTTPConnection | None:
        """The connection used last, if it is still open and nobody has said anything on it."""
        while True:
            with self._lock:
                if not self._idle:
                    return None
                connection, since = self._idle.pop()
            if time.monotonic() - since < _MOST_IDLE_S and _quiet(connection.sock):
                return connection
            connection.close()

    def _keep(self, connection: http.client.HTTPConnection) -> None:
        if connection.sock is None:
            return
        with self._lock:
            self._idle.append((connection, time.monotonic()))
            surplus = self._idle[:-_MOST_KEPT]
            del self._idle[:-_MOST_KEPT]
        for oldest, _ in surplus:
            oldest.close()

    def _new(self) -> http.client.HTTPConnection:
        timeout = self._client.timeout
        if not self._encrypted:
            return http.client.HTTPConnection(self._host, self._port, timeout=timeout)
        if self._trust is None:
            self._trust = ssl.create_default_context()
        return http.client.HTTPSConnection(self._host, self._port, timeout=timeout, context=self._trust)


def _head(host: str, client: WebClient) -> str:
    """What each request says of itself; ValueError for a line break in a token or header, which would forge others."""
    said = {
        "Host": host,
        "Accept-Encoding": "identity",
        **client.headers,
        **({"Authorization": f"Bearer {client.token}"} if client.token else {}),
        "Content-Type": "application/x-www-form-urlencoded",
    }
    if any("\r" in word or "\n" in word for pair in said.items() for word in pair):
        message = "a line break in a header for Slack"
        raise ValueError(message)
    return "".join(f"{name}: {value}\r\n" for name, value in said.items())


def _object(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        found = None
    return found if isinstance(found, dict) else {"ok": False, "error": "the answer is not a JSON object"}


def _quiet(open_socket: socket.socket | None) -> bool:
    """Whether a silent connection is silent still: a word on it now is the other side's goodbye."""
    if open_socket is None:
        return False
    look = select.poll()
    look.register(open_socket, select.POLLIN)
    return not look.poll(0)
