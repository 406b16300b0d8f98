"""The newcomer's whole way in a real Chromium, through the page alone: scenario, card, refusal, approval, run, review."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import ConsoleMessage, Page, sync_playwright

from tests.e2e.command import ROOT, environment

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
START_S = 120.0
CLICKS = 4
AGAIN = "Slack did not open the form in time; please click again."
pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(450),
    pytest.mark.skipif(not CHROMIUM.exists(), reason="needs Debian's chromium package"),
]


class Demo:
    """`watchkeeper demo` as a newcomer starts it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        command = [sys.executable, "-u", "-m", "bot", "demo", "--port", "0", "--data-dir", str(folder)]
        self.process = subprocess.Popen(
            command,
            env={**environment({}), "PYTHONPATH": str(ROOT)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=ROOT,
        )

    def address(self) -> str:
        """The one address that it prints."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert "Open http://127.0.0.1:" in line, line
        return next(word for word in line.split() if word.startswith("http://"))

    def children(self) -> dict[str, int]:
        note: dict[str, Any] = json.loads((self.folder / "run.json").read_text())
        return dict(note["children"])

    def interrupt(self) -> None:
        """Ctrl-C, twice as an impatient person would."""
        self.process.send_signal(signal.SIGINT)
        time.sleep(0.3)
        self.process.send_signal(signal.SIGINT)
        assert self.process.wait(timeout=90) == 0

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(timeout=90)
        if self.process.stdout is not None:
            self.process.stdout.close()


class Watched:
    """A page, and everything that it asked for or complained about."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.hosts: set[str] = set()
        self.faults: list[str] = []
        page.on("request", lambda request: self.hosts.add(urlsplit(request.url).hostname or ""))
        page.on("pageerror", lambda fault: self.faults.append(str(fault)))
        page.on("console", self._said)

    def _said(self, line: ConsoleMessage) -> None:
        if line.type == "error":
            self.faults.append(line.text)

    def become(self, name: str) -> None:
        self.page.select_option("#actas", name)

    def click_approve(self) -> None:
        """The button, again as often as it is asked for, and the review with its reason that Slack opens after it."""
        button = self.page.locator("#messages [data-action^='review:A']", has_text="Review & approve")
        review = self.page.locator("form.dialog", has_text="Review the plan")
        for _ in range(CLICKS):
            asked = self.whispered(AGAIN)
            button.click()
            again = self.page.locator("#messages .whisper", has_text=AGAIN).nth(asked)
            review.or_(again).first.wait_for()
            if review.is_visible():
                break
        review.locator("textarea").fill("errors since the release, seen on the card")
        review.get_by_role("button", name="Approve & run").click()

    def whispered(self, words: str) -> int:
        return self.page.locator("#messages .whisper", has_text=words).count()


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    started = Demo(tmp_path / "demo")
    yield started
    started.end()


@pytest.fixture
def watched() -> Iterator[Watched]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.set_default_timeout(START_S * 1000)
        yield Watched(page)
        browser.close()


def test_a_newcomer_sees_it_all_and_ctrl_c_ends_it_all(demo: Demo, watched: Watched, tmp_path: Path) -> None:
    page, refusal = watched.page, "You are not in the approver group"
    address = demo.address()
    page.goto(address)
    page.click("[data-scenario='bad-deploy']")

    page.click("#messages a.mention:has-text('#inc-1-')")
    page.wait_for_selector("#messages >> text=1\u202f000 alerts")
    page.wait_for_selector("#messages >> text=a deploy")
    page.wait_for_selector("#messages >> text=Review & approve")
    page.screenshot(path=tmp_path / "card.png")

    watched.become("outsider")
    late = {"method": "views.open", "kind": "500"}
    assert page.request.post(f"{address.rstrip('/')}/_double/fault", data=late).ok
    watched.click_approve()
    assert watched.whispered(AGAIN) >= 1
    page.wait_for_selector(f"#messages .whisper >> text={refusal}")
    page.screenshot(path=tmp_path / "refused.png")
    watched.become("oncall-1")
    page.wait_for_selector(f"#messages .whisper >> text={refusal}", state="detached")
    assert watched.whispered(refusal) == 0
    assert page.locator("#messages [data-action^='stop:']").count() == 0

    watched.click_approve()
    page.wait_for_selector("#messages .whisper >> text=You approved option A")
    page.wait_for_selector("#messages >> text=done and verified")
    page.wait_for_selector("#messages >> text=INC-1 is resolved")
    page.screenshot(path=tmp_path / "resolved.png")

    page.click("#messages .answers")
    page.wait_for_selector("#thread >> text=Post-mortem INC-1")
    told = page.inner_text("#thread")
    page.screenshot(path=tmp_path / "review.png")
    for words in (
        "Root cause",
        "Evidence of INC-1",
        "approved by oncall-1",
        "refused: not in group. — outsider",
    ):
        assert words in told
    assert "<@" not in told
    assert watched.hosts == {"127.0.0.1"}
    assert watched.faults == []

    pids = demo.children()
    assert sorted(pids) == ["correlator", "executor", "slack-double", "valkey", "web", "worker", "world"]
    page.goto("about:blank")
    demo.interrupt()
    assert [name for name, pid in pids.items() if Path(f"/proc/{pid}").exists()] == []

    again = Demo(demo.folder)
    try:
        page.goto(again.address())
        page.wait_for_selector("#strip >> text=app connected")
        assert page.locator("#side >> text=inc-1-").count() == 0
        again.interrupt()
    finally:
        again.end()
