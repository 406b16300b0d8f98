"""The switch page over real HTTP: it stops and freezes, for this host or the operator, and can lift nothing."""

import re
from collections.abc import Iterator

import httpx
import pytest
from starlette.applications import Starlette

from bot.adapters.store.sql import SqlStore
from bot.domain.event import TENANT_CHAIN
from bot.http.switch_guard import FORM_LIFETIME_S, Guard
from bot.http.switch_page import SwitchPorts, routes
from bot.wiring.parts import SystemClock
from tests.promises.served import hosted

TOKEN = "operator-token-of-this-test"
ELSEWHERE = {"Host": "watch.example"}
LOCAL_NAMES = ("127.0.0.1", "localhost")


class Clock(SystemClock):
    """The system's clock, moved."""

    ahead_s = 0.0

    def now(self) -> float:
        return super().now() + self.ahead_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def page(store: SqlStore, clock: Clock) -> Iterator[httpx.Client]:
    app = Starlette(routes=routes(SwitchPorts(store, clock, Guard(TOKEN, b"s" * 32))))
    with hosted(app) as port, httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
        yield client


def form_of(answer: httpx.Response) -> str:
    found = re.search(r'name=form value="([^"]+)"', answer.text)
    assert found is not None
    return found.group(1)


def on(store: SqlStore) -> list[str]:
    return store.read(lambda tx: [one.scope for one in tx.switches_on()])


def test_this_host_stops_and_freezes_without_a_token(store: SqlStore, page: httpx.Client) -> None:
    shown = page.get("/switch")
    assert (shown.status_code, "Nothing is stopped" in shown.text) == (200, True)
    assert shown.headers["content-security-policy"].startswith("default-src 'none'")
    done = page.post("/switch", data={"form": form_of(shown), "do": "stop", "scope": "service:cart"})
    assert (done.status_code, on(store)) == (200, ["service:cart"])
    fields = {"form": form_of(done), "do": "freeze", "lasts": "30m", "reason": "<script>alert(1)</script>"}
    done = page.post("/switch", data=fields)
    assert done.status_code == 200
    (window,) = store.read(lambda tx: tx.freezes(after=0.0))
    assert (window.scope, window.by, round(window.ends_at - window.starts_at)) == (
        "tenant",
        "page:127.0.0.1",
        1800,
    )
    assert "&lt;script&gt;alert(1)" in done.text
    assert "<script" not in done.text
    assert "Stopped: service cart" in done.text
    bodies = [event.body for event in store.read(lambda tx: tx.events(TENANT_CHAIN))]
    assert [body["by"] for body in bodies] == ["page:127.0.0.1"] * 2


@pytest.mark.parametrize(
    "headers",
    [
        ELSEWHERE,
        {"Host": "127.0.0.1.rebound.example"},
        {"X-Forwarded-For": "127.0.0.1"},
        {"Forwarded": "for=127.0.0.1"},
        {"Via": "1.1 proxy"},
        {**ELSEWHERE, "Authorization": "Bearer wrong"},
        {**ELSEWHERE, "Authorization": f"Basic {TOKEN}"},
    ],
)
def test_anybody_else_sees_and_does_nothing(
    store: SqlStore, page: httpx.Client, headers: dict[str, str]
) -> None:
    store.transact(lambda tx: tx.set_switch("service:secret", True, by="U1", at=1.0))
    shown = page.get("/switch", headers=headers)
    assert (shown.status_code, "secret" in shown.text) == (401, False)
    for token in ("", "wrong", TOKEN[:-1]):
        fields = {"form": form_of(shown), "do": "stop", "token": token}
        assert page.post("/switch", data=fields, headers=headers).status_code == 401
    assert on(store) == ["service:secret"]


def test_the_operator_s_token_opens_it_from_elsewhere(store: SqlStore, page: httpx.Client) -> None:
    shown = page.get("/switch", headers=ELSEWHERE)
    fields = {"form": form_of(shown), "do": "stop", "token": TOKEN}
    assert page.post("/switch", data=fields, headers=ELSEWHERE).status_code == 200
    bearer = {**ELSEWHERE, "Authorization": f"Bearer {TOKEN}"}
    assert page.get("/switch", headers=bearer).status_code == 200
    assert page.post("/switch", data={"do": "stop", "scope": "service:a"}, headers=bearer).status_code == 200
    assert sorted(on(store)) == ["service:a", "tenant"]


def test_a_form_of_somebody_else_is_refused(store: SqlStore, page: httpx.Client, clock: Clock) -> None:
    genuine = form_of(page.get("/switch"))
    issued, _, mac = genuine.partition(".")
    forged = [
        "",
        genuine[:-1],
        f"{int(issued) + 1}.{mac}",
        f".{mac}",
        f"{issued}.",
        f"é.{mac}",
        "٣" * 10 + f".{mac}",
    ]
    for form in forged:
        assert page.post("/switch", data={"form": form, "do": "stop"}).status_code == 403, form
    for headers in ({"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}):
        answer = page.post("/switch", data={"form": genuine, "do": "stop"}, headers=headers)
        assert answer.status_code == 403, headers
    clock.ahead_s = FORM_LIFETIME_S + 2
    assert page.post("/switch", data={"form": genuine, "do": "stop"}).status_code == 403
    assert on(store) == []


def test_no_field_lifts_or_approves_anything(store: SqlStore, page: httpx.Client) -> None:
    store.transact(lambda tx: tx.set_switch("tenant", True, by="U1", at=1.0))
    page.post("/switch", data={"form": form_of(page.get("/switch")), "do": "freeze"})
    before = store.read(lambda tx: (on(store), tx.freezes(after=0.0)))
    words = ["lift", "off", "unfreeze", "unstop", "approve", "stop,off", "start", ""]
    tries = [{"do": word} for word in words]
    tries += [{"do": "stop", "on": "false"}, {"do": "stop", "off": "1"}, {"do": "freeze", "lasts": "0h"}]
    tries += [
        {"do": "freeze", "lasts": "-2h"},
        {"do": "stop", "scope": "cluster:x"},
        {"do": "stop", "scope": "INC-9"},
    ]
    for fields in tries:
        page.post("/switch", data={"form": form_of(page.get("/switch")), **fields})
        assert store.read(lambda tx: (on(store), tx.freezes(after=0.0))) == before, fields
    for method in ("PUT", "DELETE", "PATCH"):
        assert page.request(method, "/switch").status_code == 405


def test_a_database_that_is_away_is_said(store: SqlStore, page: httpx.Client) -> None:
    form = form_of(page.get("/switch"))
    with store.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE switches RENAME TO away")
    answer = page.post("/switch", data={"form": form, "do": "stop"})
    assert (answer.status_code, "create it now" in answer.text) == (503, True)


def test_a_body_that_is_too_large_is_not_read(page: httpx.Client) -> None:
    assert page.post("/switch", content=b"do=stop&x=" + b"y" * 9000).status_code == 413
