"""Promise 13, the intake's part: no forged or malformed webhook is taken, none fails the server, none is logged."""

import asyncio
import json
import logging
import random
from collections.abc import Callable, Sequence
from itertools import cycle, islice

import pytest
from structlog.testing import capture_logs

from bot.adapters.store.sql import SqlStore
from bot.http.doors import Doors
from tests.promises.conftest import Tally
from tests.promises.served import ALERTMANAGER_TOKEN, GENERIC_TOKEN, Talk, Wire, alert_body, served

FULL = 20_000
CONNECTIONS = 8
GENUINE = 20
HUGE_EACH = 2500  # One request in so many has a body of 50 MB.
MARK = "mark-of-the-body-7f3a"

Forge = Callable[[random.Random], Wire]


def plant(monkeypatch: pytest.MonkeyPatch) -> None:
    """A door that asks for no token."""
    monkeypatch.setattr(
        Doors, "by_token", lambda self, kind, _shown: next(iter(self._doors.get(kind, ())), None)
    )


def wire(
    body: bytes,
    *authorizations: bytes,
    method: bytes = b"POST",
    path: bytes = b"/alerts/alertmanager",
    extra: Sequence[tuple[bytes, bytes]] = (),
) -> Wire:
    shown = tuple((b"Authorization", value) for value in authorizations)
    return Wire(method, path, (*shown, *extra), body)


GOOD = b"Bearer " + ALERTMANAGER_TOKEN.encode()
OTHER = b"Bearer " + GENERIC_TOKEN.encode()


def genuine(seeded: random.Random) -> bytes:
    return alert_body(f"{MARK}-{seeded.randrange(10**9)}")


def flipped(data: bytes, seeded: random.Random) -> bytes:
    """Another byte in one place, never one that ends a header line."""
    at = seeded.randrange(len(data))
    new = seeded.choice([byte for byte in range(0x21, 0x7F) if byte != data[at]])
    return data[:at] + bytes([new]) + data[at + 1 :]


def wrong_token(seeded: random.Random) -> Wire:
    made = seeded.choice(
        [
            b"Bearer " + seeded.randbytes(20).hex().encode(),
            b"Bearer " + flipped(ALERTMANAGER_TOKEN.encode(), seeded),
            b"Bearer " + ALERTMANAGER_TOKEN.encode()[: seeded.randrange(40)],
            GOOD + b"0",
            b"Bearer  " + ALERTMANAGER_TOKEN.encode(),
            b"Bearer",
            b"",
            b"Basic " + ALERTMANAGER_TOKEN.encode(),
            ALERTMANAGER_TOKEN.encode(),
            GOOD + b", " + GOOD,
            b"Bearer " + b"\xff\xfe" * 20,
            b"Bearer " + "ключ-от-двери".encode(),
            b"Bearer " + ALERTMANAGER_TOKEN.upper().encode(),
        ]
    )
    return wire(genuine(seeded), made)


def missing_token(seeded: random.Random) -> Wire:
    places = ((b"X-Authorization", GOOD), (b"Cookie", b"authorization=" + GOOD), (b"Token", GOOD[7:]))
    return wire(genuine(seeded), extra=[seeded.choice(places)])


def doubled_token(seeded: random.Random) -> Wire:
    return wire(genuine(seeded), *seeded.choice([(GOOD, GOOD), (GOOD, OTHER), (OTHER, GOOD), (b"", GOOD)]))


def other_source(seeded: random.Random) -> Wire:
    if seeded.random() < 0.5:
        return wire(genuine(seeded), OTHER)
    return wire(b'{"alerts": [{"name": "%s"}]}' % MARK.encode(), GOOD, path=b"/alerts/generic")


def unknown_kind(seeded: random.Random) -> Wire:
    names = (b"slack", b"none", b"Alertmanager", b"../alertmanager", b"%00", b"%ff%fe", b"alertmanager%20")
    tail = seeded.choice(names) if seeded.random() < 0.7 else seeded.randbytes(6).hex().encode()
    return wire(genuine(seeded), GOOD, path=b"/alerts/" + tail)


def wrong_method(seeded: random.Random) -> Wire:
    methods = (b"GET", b"PUT", b"PATCH", b"DELETE", b"HEAD", b"OPTIONS", b"TRACE", b"BREW")
    return wire(genuine(seeded), GOOD, method=seeded.choice(methods))


def unicode_headers(seeded: random.Random) -> Wire:
    value = seeded.choice(["é", "\u202e", "\U0001f600", "ſ", "İ"]).encode() * seeded.randrange(1, 50)
    extra = [(b"X-Source", value), (b"User-Agent", value), (b"Content-Type", b"application/json;" + value)]
    return wire(genuine(seeded), b"Bearer " + value, extra=extra)


def flipped_body(seeded: random.Random) -> Wire:
    """With the right token: a byte of the frame is broken, so that it is no webhook any more."""
    body = bytearray(genuine(seeded))
    found = seeded.choice([b'"version"', b'"4"', b'"alerts"', b'"status"', b'"labels"', b'"startsAt"'])
    body[body.index(found) + 1] ^= 1 << seeded.randrange(4)
    return wire(bytes(body), GOOD)


def cut_body(seeded: random.Random) -> Wire:
    body = genuine(seeded)
    return wire(body[: seeded.randrange(len(body))], GOOD)


def noise(seeded: random.Random) -> Wire:
    return wire(MARK.encode() + seeded.randbytes(seeded.randrange(400)), GOOD)


def _item(labels: str = "{}", starts: str = '"2026-05-04T03:10:00Z"', status: str = '"firing"') -> bytes:
    item = f'{{"status": {status}, "labels": {labels}, "startsAt": {starts}}}'
    return f'{{"version": "4", "mark": "{MARK}", "alerts": [{item}]}}'.encode()


DEEP = 100_000
NASTY: tuple[bytes, ...] = (
    b"[" * DEEP,
    b'{"alerts":' * DEEP,
    _item(labels='{"a": ' * DEEP),
    b'{"version": "4", "x": ' + b"[" * DEEP + b"]" * DEEP + b', "alerts": []}',
    _item(starts="NaN"),
    _item(starts="Infinity"),
    _item(starts="1e999"),
    _item(starts='"2026-13-45T99:00:00Z"'),
    _item(starts='"-0001-01-01T00:00:00"'),
    _item(labels='{"alertname": "\\ud800"}'),
    _item(labels='{"\\udfff": "x"}'),
    _item(labels='{"alertname": "\\u0000"}'),
    _item(labels='{"a\\u0000b": "x"}'),
    _item(labels='{"alertname": "x\x00y"}'),
    _item(labels='{"alertname": "raw"}').replace(b"raw", b"\xed\xa0\x80"),
    _item(labels='{"alertname": "raw"}').replace(b"raw", b"\xff\xfe"),
    _item(labels=json.dumps({f"label_{at}": "v" for at in range(10_000)})),
    _item(labels=json.dumps({"service": "s" * 100_000})),
    _item(labels=json.dumps({"alertname": "long", "note": "n" * 1_000_000})),
    _item(labels='{"a": 1}'),
    _item(labels="null"),
    _item(labels="[]"),
    _item(status='"burning"'),
    _item(status="null"),
    b"\xef\xbb\xbf" + _item(),
    _item().replace(b'"4"', b'"3"'),
    _item() + b"x",
    _item().decode().encode("utf-16"),
    b'{"version": "4", "alerts": null}',
    b"null",
    b"",
)


def nasty(seeded: random.Random) -> Wire:
    return wire(seeded.choice(NASTY), GOOD)


def huge(seeded: random.Random) -> Wire:
    body = b'{"version": "4", "%s": "' % MARK.encode() + b"x" * (50 * 1024 * 1024)
    return wire(body, seeded.choice((GOOD, b"Bearer nobody")))


FORGES: tuple[Forge, ...] = (
    wrong_token,
    missing_token,
    doubled_token,
    other_source,
    unknown_kind,
    wrong_method,
    unicode_headers,
    flipped_body,
    cut_body,
    noise,
    nasty,
)


async def attack(port: int, tally: Tally) -> None:
    seeded = random.Random(1313)
    count = tally.size(FULL)
    work: list[tuple[str, Forge]] = [
        (forge.__name__, forge) for forge in islice(cycle(FORGES), count - max(1, count // HUGE_EACH))
    ]
    work += [("huge", huge)] * (count - len(work))
    seeded.shuffle(work)
    queue = iter(work)

    async def attacker() -> None:
        talk = Talk(port)
        for name, forge in queue:
            status = await talk.status(forge(seeded))
            tally.check(status == 0 or 400 <= status < 500, f"{name} was answered {status}")
        talk.close()

    async def sender() -> None:
        """Genuine webhooks among them are taken all the while, else a shut door would pass this test."""
        talk = Talk(port)
        for _ in range(GENUINE):
            assert await talk.status(wire(genuine(seeded), GOOD)) == 200
            await asyncio.sleep(0.01)
        talk.close()

    await asyncio.gather(sender(), *(attacker() for _ in range(CONNECTIONS)))


@pytest.mark.timeout(180)
def test_the_intake_takes_no_forgery(
    promise: Callable[[int], Tally],
    store: SqlStore,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    tally = promise(13)
    with caplog.at_level(logging.DEBUG), capture_logs() as entries, served(store) as port:
        asyncio.run(attack(port, tally), debug=False)
    taken = store.engine.raw_connection()
    # The intake's own notice of a body that was too large is the one row that no sender wrote.
    counted = "SELECT count(*) FROM raw_bodies WHERE NOT (source = 'prod' AND kind = 'generic')"
    stored = taken.cursor().execute(counted).fetchone()[0]
    taken.close()
    tally.check(stored == GENUINE, f"{stored} bodies are stored, {GENUINE} were genuine")
    out, errors = capfd.readouterr()
    written = "\n".join([out, errors, caplog.text, *map(repr, entries)])
    tally.check(MARK not in written, "a body is in the log")
    tally.check(ALERTMANAGER_TOKEN not in written, "a token is in the log")
