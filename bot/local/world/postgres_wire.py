"""PostgreSQL's wire protocol, version 3, as much of it as drivers need to log in and ask: simple and extended queries.

No TLS and no cancel; what a statement means is `databases`' business.
"""

import asyncio
import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field

from bot.local.world.databases import Row, SharedDatabase, SqlError

_NO_ENCRYPTION = (80_877_103, 80_877_104)
_STATUS = {
    "server_version": "17.2",
    "server_encoding": "UTF8",
    "client_encoding": "UTF8",
    "DateStyle": "ISO, MDY",
    "TimeZone": "UTC",
    "integer_datetimes": "on",
    "standard_conforming_strings": "on",
}
_OIDS = {bool: (16, 1), int: (20, 8), str: (25, -1)}
_READY = b"Z" + struct.pack("!Ic", 5, b"I")


@dataclass
class _Asked:
    """One statement on its way through the extended protocol."""

    statement: str = ""
    values: list[str] = field(default_factory=list)
    rows: list[Row] | None = None
    failed: bool = False


class WireServer:
    """Serves one database; `start` binds the port."""

    def __init__(self, database: SharedDatabase) -> None:
        self._database = database
        self._server: asyncio.Server | None = None

    async def start(self, port: int) -> None:
        """Listen on 127.0.0.1; OSError where the port is taken."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", port)

    def stop(self) -> None:
        """Listen no more."""
        if self._server is not None:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            user = await self._log_in(reader, writer)
            if user:
                await self._converse(user, reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()

    async def _log_in(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> str:
        """The user's name, empty where the password is wrong."""
        while True:
            (length,) = struct.unpack("!I", await reader.readexactly(4))
            body = await reader.readexactly(length - 4)
            if struct.unpack("!I", body[:4])[0] not in _NO_ENCRYPTION:
                break
            writer.write(b"N")
        parts = body[4:].split(b"\0")
        user = dict(zip(parts[::2], parts[1::2], strict=False)).get(b"user", b"").decode()
        writer.write(b"R" + struct.pack("!II", 8, 3))
        _, said = await _message(reader)
        if self._database.passwords.get(user) != said.rstrip(b"\0").decode():
            writer.write(_error("28P01", f'password authentication failed for user "{user}"', "FATAL"))
            await writer.drain()
            return ""
        writer.write(b"R" + struct.pack("!II", 8, 0))
        for name, value in _STATUS.items():
            writer.write(_packed(b"S", _text(name) + _text(value)))
        writer.write(_packed(b"K", struct.pack("!II", 1, 1)) + _READY)
        return user

    async def _converse(self, user: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = _Asked()
        while True:
            kind, body = await _message(reader)
            if kind == b"X":
                return
            if kind == b"Q":
                simple = _Asked(body.rstrip(b"\0").decode())
                writer.write(self._described(user, simple) + self._executed(simple) + _READY)
                asked = _Asked()
            elif kind == b"S":
                asked = _Asked()
                writer.write(_READY)
            elif not asked.failed:
                writer.write(self._extended(user, kind, body, asked))
            await writer.drain()

    def _extended(self, user: str, kind: bytes, body: bytes, asked: _Asked) -> bytes:
        if kind == b"P":
            asked.statement = body.split(b"\0")[1].decode()
            return _packed(b"1", b"")
        if kind == b"B":
            asked.values = _bound(body)
            return _packed(b"2", b"")
        if kind == b"D":
            return self._described(user, asked)
        return self._executed(asked) if kind == b"E" else b""

    def _described(self, user: str, asked: _Asked) -> bytes:
        """Runs the statement, since its columns follow from its rows; an empty answer has none."""
        if re.match(r"\s*(BEGIN|COMMIT|ROLLBACK|SET)\b", asked.statement, re.IGNORECASE):
            asked.rows = []
        try:
            rows = (
                self._database.run(user, asked.statement, asked.values) if asked.rows is None else asked.rows
            )
        except SqlError as error:
            asked.failed = True
            return _error(error.state, str(error))
        asked.rows = rows
        return _columns(rows[0]) if rows else _packed(b"n", b"")

    def _executed(self, asked: _Asked) -> bytes:
        if asked.failed:
            return b""
        rows = asked.rows or []
        return b"".join(map(_row, rows)) + _packed(b"C", _text(f"SELECT {len(rows)}"))


async def _message(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    kind = await reader.readexactly(1)
    (length,) = struct.unpack("!I", await reader.readexactly(4))
    return kind, await reader.readexactly(length - 4)


def _bound(body: bytes) -> list[str]:
    """The values of a Bind message as text, whatever format they came in."""
    at = body.index(b"\0", body.index(b"\0") + 1) + 1
    (count,) = struct.unpack_from("!H", body, at)
    formats: Sequence[int] = struct.unpack_from(f"!{count}H", body, at + 2)
    at += 2 + 2 * count
    (number,) = struct.unpack_from("!H", body, at)
    at += 2
    values = []
    for index in range(number):
        (length,) = struct.unpack_from("!i", body, at)
        raw = body[at + 4 : at + 4 + max(0, length)]
        at += 4 + max(0, length)
        binary = formats[index if len(formats) > 1 else 0] if formats else 0
        values.append(str(int.from_bytes(raw, "big", signed=True)) if binary else raw.decode())
    return values


def _columns(row: Row) -> bytes:
    fields = b""
    for name, value in row.items():
        oid, size = _OIDS[type(value)]
        fields += _text(name) + struct.pack("!IhIhih", 0, 0, oid, size, -1, 0)
    return _packed(b"T", struct.pack("!H", len(row)) + fields)


def _row(row: Row) -> bytes:
    cells = b""
    for value in row.values():
        shown = ("t" if value else "f") if isinstance(value, bool) else str(value)
        cells += struct.pack("!I", len(shown.encode())) + shown.encode()
    return _packed(b"D", struct.pack("!H", len(row)) + cells)


def _error(state: str, text: str, severity: str = "ERROR") -> bytes:
    fields = (("S", severity), ("V", severity), ("C", state), ("M", text))
    return _packed(b"E", b"".join(key.encode() + _text(value) for key, value in fields) + b"\0")


def _packed(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!I", len(body) + 4) + body


def _text(value: str) -> bytes:
    return value.encode() + b"\0"
