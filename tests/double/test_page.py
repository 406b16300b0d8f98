"""The page in a real Chromium: acts as people do, live updates, nothing leaves the machine."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Page, async_playwright

from tests.double.cards import CARD, MODAL
from tests.double.conftest import Bolt, Json, Running, free_port, start

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
]
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="needs Debian's chromium package"),
]


class Opened:
    """A page, every address it asked for and every script error."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.asked: list[str] = []
        self.faults: list[str] = []
        page.on("request", lambda request: self.asked.append(request.url))
        page.on("pageerror", lambda fault: self.faults.append(str(fault)))
        page.on("console", lambda line: self.faults.append(line.text) if line.type == "error" else None)

    def foreign(self, home: str) -> list[str]:
        return [url for url in self.asked if not url.startswith(home)]


@pytest_asyncio.fixture
async def opened() -> AsyncIterator[Opened]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        page = await browser.new_page(viewport={"width": 1280, "height": 800})
        yield Opened(page)
        await browser.close()


async def test_a_newcomer_clicks_types_and_is_answered(
    double: Running, bolt: Bolt, opened: Opened, tmp_path: Path
) -> None:
    @bolt.app.command("/incident")
    async def command(ack: Any, body: Any, client: Any) -> None:
        await ack(text=f"heard {body['text']}")
        await client.chat_postMessage(channel=body["channel_id"], text="card", blocks=CARD)

    @bolt.app.action("review_a")
    async def review(ack: Any, body: Any, client: Any) -> None:
        await ack()
        await client.views_open(trigger_id=body["trigger_id"], view=MODAL)

    @bolt.app.action("reject")
    async def reject(ack: Any, body: Any) -> None:
        await ack()
        bolt.heard.append(body)

    @bolt.app.view("approve")
    async def approve(ack: Any, view: Any) -> None:
        bolt.heard.append(view["state"]["values"])
        name = view["state"]["values"]["target"]["name"]["value"]
        await (
            ack()
            if name == "orders-api"
            else ack(response_action="errors", errors={"target": "another name"})
        )

    @bolt.app.event("message")
    async def message(ack: Any) -> None:
        await ack()

    page = opened.page
    await page.goto(double.url)
    await page.select_option("#actas", "oncall-2")
    box = page.locator("[data-composer=channel] textarea")
    await box.fill("/incident status <b> @oncall-1")
    await box.press("Enter")
    await page.wait_for_selector("text=Only visible to you")
    assert await page.locator(".whisper .text").inner_text() == "heard status <b> @oncall-1"
    card = page.locator(".msg:has(.b-header)")
    await card.wait_for()
    assert "<script>alert(1)</script>" in await card.inner_text()
    assert await page.locator(".content script, .content img[onerror]").count() == 0
    assert await page.locator("a[href^='javascript']").count() == 0
    assert await card.locator("figure.chart svg").count() == 2
    await page.screenshot(path=tmp_path / "card.png")

    await card.locator("[data-action=reject]").click()
    dialog = page.locator("dialog.dialog")
    await dialog.wait_for()
    assert await dialog.locator("code").inner_text() == "kubectl rollout undo"
    await page.screenshot(path=tmp_path / "confirm.png")
    await dialog.locator("text=Not yet").click()
    assert bolt.heard == []
    await card.locator("[data-action=reject]").click()
    await page.locator("dialog.dialog .btn.danger").click()
    await asyncio.to_thread(double.until, lambda: bolt.heard)
    assert bolt.heard[0]["user"]["id"] == "U0ONCALL2"
    assert bolt.heard[0]["actions"][0]["block_id"] == "INC-142:act:7"

    await card.locator("[data-action=review_a]").click()
    form = page.locator("#modal form")
    await form.wait_for()
    await page.screenshot(path=tmp_path / "modal.png")
    await form.locator("[name=name]").fill("wrong")
    await form.locator("button[type=submit]").click()
    await page.wait_for_selector("text=another name")
    assert await form.locator("[name=name]").input_value() == "wrong"
    await form.locator("[name=name]").fill("orders-api")
    await form.locator("button[type=submit]").click()
    await form.wait_for(state="detached")
    assert bolt.heard[-1]["sev"]["pick"]["selected_option"]["value"] == "2"

    await card.hover()
    await card.locator("[data-thread-link]").click()
    reply = page.locator("[data-composer=thread] textarea")
    await reply.fill("in the thread")
    await reply.press("Enter")
    await page.wait_for_selector("#thread >> text=in the thread")
    await page.wait_for_selector("#messages >> text=1 reply")
    await page.screenshot(path=tmp_path / "thread.png")
    counts = (await asyncio.to_thread(double.state))["counts"]
    assert await page.locator("#n-posts").inner_text() == str(counts["posts"]) == "1"
    assert counts["late_acks"] == 0
    assert opened.foreign(double.url) == []
    assert opened.faults == []


async def test_live_edits_unread_marks_and_a_private_answer(double: Running, opened: Opened) -> None:
    page = opened.page
    await page.goto(double.url + "/?channel=general&as=outsider")
    posted = await asyncio.to_thread(
        double.call, "chat.postMessage", channel="C0ALERTS", text="hi <@U0OUTSIDER>"
    )
    await page.wait_for_selector(".side .badge >> text=1")
    await page.click(".side >> text=alerts")
    await page.wait_for_selector("text=hi @outsider")
    update = {"channel": "C0ALERTS", "ts": posted["ts"], "text": "edited in place"}
    await asyncio.to_thread(double.call, "chat.update", **update)
    await page.wait_for_selector("text=edited in place")
    assert await page.locator("text=hi @outsider").count() == 0
    whisper = {"channel": "C0ALERTS", "user": "U0ONCALL1", "text": "for oncall-1 only"}
    await asyncio.to_thread(double.call, "chat.postEphemeral", **whisper)
    await asyncio.to_thread(double.call, "chat.postMessage", channel="C0ALERTS", text="after it")
    await page.wait_for_selector("text=after it")
    assert await page.locator("text=for oncall-1 only").count() == 0
    await page.select_option("#actas", "oncall-1")
    await page.wait_for_selector("text=for oncall-1 only")
    assert opened.foreign(double.url) == []


async def test_without_an_app_the_person_is_told_at_once(double: Running, opened: Opened) -> None:
    await opened.page.goto(double.url)
    await opened.page.fill("[data-composer=channel] textarea", "/incident help")
    await opened.page.press("[data-composer=channel] textarea", "Enter")
    await opened.page.wait_for_selector(".toast >> text=not connected")
    await opened.page.wait_for_selector("text=app not connected")


async def test_phone_width_has_no_sideways_scrolling(double: Running, opened: Opened, tmp_path: Path) -> None:
    await asyncio.to_thread(double.call, "chat.postMessage", channel="C0ALERTS", text="card", blocks=CARD)
    await opened.page.set_viewport_size({"width": 390, "height": 844})
    await opened.page.goto(double.url)
    await opened.page.wait_for_selector(".b-header")
    wide = await opened.page.evaluate("document.documentElement.scrollWidth")
    assert wide <= 390
    await opened.page.click("[data-drawer]")
    await opened.page.click(".side >> text=general")
    await opened.page.wait_for_selector("text=This is the very beginning of #general")
    await opened.page.screenshot(path=tmp_path / "phone.png")


class _Controls(BaseHTTPRequestHandler):
    started: list[bytes]

    def do_GET(self) -> None:
        self._answer(
            b'{"scenarios":[{"name":"bad-deploy","title":"Bad deploy","text":"1,000 alerts"}],"running":null}'
        )

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.path == "/start":
            self.started.append(body)
        self._answer(b"{}")

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
        return


@pytest.fixture
def controls() -> Iterator[tuple[str, list[bytes]]]:
    started: list[bytes] = []
    server = ThreadingHTTPServer(
        ("127.0.0.1", free_port()), type("Controls", (_Controls,), {"started": started})
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", started
    server.shutdown()
    server.server_close()


async def test_demo_panel_starts_a_scenario(
    controls: tuple[str, list[bytes]], opened: Opened, tmp_path: Path
) -> None:
    url, started = controls
    double = await asyncio.to_thread(start, controls_url=url)
    try:
        await opened.page.goto(double.url)
        await opened.page.screenshot(path=tmp_path / "first.png")
        await opened.page.click("text=Bad deploy")
        await asyncio.to_thread(double.until, lambda: started)
        assert started == [b'{"scenario":"bad-deploy"}']
        assert opened.foreign(double.url) == []
    finally:
        await asyncio.to_thread(double.stop)


def test_other_sites_cannot_drive_the_double(double: Running) -> None:
    act: Json = {"as": "oncall-1", "type": "message", "channel": "alerts", "text": "x"}
    for headers in ({"origin": "http://evil.example"}, {"host": "evil.example"}):
        answer = double.http.post(f"{double.url}/_double/act", json=act, headers=headers)
        assert answer.status_code == 403
    assert double.messages() == []
    page = double.http.get(double.url)
    assert page.headers["content-security-policy"].startswith("default-src 'self'")
    assert "style=" not in page.text
    assert "onclick" not in page.text
