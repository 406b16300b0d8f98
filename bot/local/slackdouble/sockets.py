"""Socket Mode: the app's WebSocket connections, envelopes to one of them at random, and acks within three seconds."""

import asyncio
import json
import secrets
import time
import uuid
from dataclasses import dataclass, field

from starlette.websockets import WebSocket, WebSocketDisconnect

from bot.local.slackdouble.deliver import ACK_SECONDS, Ack
from bot.local.slackdouble.double import Double
from bot.local.slackdouble.model import APP, Json


@dataclass(eq=False)
class _Connection:
    socket: WebSocket
    waiting: dict[str, "asyncio.Future[Ack]"] = field(default_factory=dict)
    sent_at: dict[str, float] = field(default_factory=dict)


@dataclass(eq=False)
class SocketLink:
    """Delivers envelopes over whatever connections the app has open."""

    double: Double
    _open: set[_Connection] = field(default_factory=set)
    _connected: asyncio.Event = field(default_factory=asyncio.Event)

    def connected(self) -> int:
        """How many connections are open."""
        return len(self._open)

    async def ready(self) -> None:
        """Wait for the first connection."""
        await self._connected.wait()

    async def endpoint(self, socket: WebSocket) -> None:
        """The route for /link/: hello, then acks until the app goes."""
        ticket = socket.query_params.get("ticket", "")
        if ticket not in self.double.tickets:
            await socket.close(code=1008)
            return
        self.double.tickets.discard(ticket)
        await socket.accept()
        connection = _Connection(socket)
        self._open.add(connection)
        hello = {
            "type": "hello",
            "num_connections": len(self._open),
            "connection_info": {"app_id": APP},
            "debug_info": {"host": "double", "approximate_connection_time": 18060},
        }
        await socket.send_text(json.dumps(hello))
        self._connected.set()
        self.double.changed()
        try:
            while True:
                self._acked(connection, await socket.receive_text())
        except WebSocketDisconnect:
            pass
        finally:
            self._gone(connection)

    def _acked(self, connection: _Connection, raw: str) -> None:
        try:
            body = json.loads(raw)
        except ValueError:
            return
        if not isinstance(body, dict):
            return
        envelope = str(body.get("envelope_id"))
        sent = connection.sent_at.pop(envelope, None)
        waiting = connection.waiting.pop(envelope, None)
        if sent is None:
            return
        took = (time.monotonic() - sent) * 1000
        if waiting is not None and not waiting.done():
            payload = body.get("payload")
            waiting.set_result(
                Ack(acked=True, ack_ms=took, payload=payload if isinstance(payload, dict) else {})
            )
        else:
            self.double.failures.append({"envelope_id": envelope, "reason": "late_ack", "ack_ms": took})

    def _rest(self, connection: _Connection) -> None:
        self._open.discard(connection)
        if not self._open:
            self._connected.clear()

    def _gone(self, connection: _Connection) -> None:
        self._rest(connection)
        for waiting in connection.waiting.values():
            if not waiting.done():
                waiting.set_result(Ack(acked=False, error="connection_lost"))
        self.double.changed()

    async def send(self, kind: str, payload: Json, attempt: int, reason: str) -> Ack:
        """One envelope to one connection; the answer says whether it was acked in time."""
        if not self._open:
            return Ack(acked=False, error="app_not_connected")
        connection = secrets.choice(list(self._open))
        envelope = str(uuid.uuid4())
        body: Json = {
            "envelope_id": envelope,
            "type": kind,
            "accepts_response_payload": kind != "events_api",
            "payload": payload,
        }
        if kind == "events_api":
            body |= {"retry_attempt": attempt, "retry_reason": reason}
        waiting: asyncio.Future[Ack] = asyncio.get_running_loop().create_future()
        connection.waiting[envelope] = waiting
        connection.sent_at[envelope] = time.monotonic()
        try:
            await connection.socket.send_text(json.dumps(body))
            return await asyncio.wait_for(waiting, ACK_SECONDS)
        except TimeoutError:
            connection.waiting.pop(envelope, None)
            return Ack(acked=False, ack_ms=ACK_SECONDS * 1000, error="operation_timeout", envelope=envelope)
        except (WebSocketDisconnect, RuntimeError):
            self._gone(connection)
            return Ack(acked=False, error="connection_lost")

    async def disconnect(self, *, ask: bool = False) -> int:
        """Drop every connection, or with `ask` request the app to reconnect as Slack does before a restart.

        A connection that was asked still takes the acks of what it got, and gets nothing new.
        """
        dropped = list(self._open)
        for connection in dropped:
            try:
                if ask:
                    notice = {
                        "type": "disconnect",
                        "reason": "refresh_requested",
                        "debug_info": {"host": "double"},
                    }
                    await connection.socket.send_text(json.dumps(notice))
                else:
                    await connection.socket.close(code=1012)
            except (WebSocketDisconnect, RuntimeError):
                pass
            if ask:
                self._rest(connection)
            else:
                self._gone(connection)
        return len(dropped)
