"""What the documents claim is compared with the code: settings, commands, file names, the log's byte format."""

import hashlib
import hmac
import re
from pathlib import Path

import msgspec
import pytest

from bot.cli.main import commands
from bot.domain.event import GENESIS, TENANT_CHAIN, EventType, NewEvent, seal
from bot.settings import DEFAULT_QUERIES, Settings, environment_name

ROOT = Path(__file__).resolve().parents[2]
TEXTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
_OF_TESTS = re.compile(r"^WATCHKEEPER_TEST_")


def test_every_setting_has_one_row_and_no_row_is_invented() -> None:
    text = (ROOT / "docs/settings.md").read_text()
    rows = re.findall(r"^\| `([A-Z_]+)` \| ([^|]*) \|", text, re.MULTILINE)
    documented = [name for name, _default in rows if not _OF_TESTS.match(name)]
    fields = msgspec.structs.fields(Settings)
    assert documented == [environment_name(field.name) for field in fields]
    defaults = dict(rows)
    for field in fields:
        if isinstance(field.default, str | int | float) and field.default not in ("", False):
            assert str(field.default) in defaults[environment_name(field.name)], field.name
    for signal, query in DEFAULT_QUERIES.items():
        assert f"| `{signal}` | `{query}` |" in text


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.name)
def test_every_file_that_a_document_names_exists(path: Path) -> None:
    text = path.read_text()
    named = set(re.findall(r"`((?:bot|tests|docs|playbooks|deploy|\.ci)/[A-Za-z0-9_./-]+)`", text))
    named |= set(re.findall(r"\]\(([^)#:]+)\)", text))
    missing = [
        name for name in sorted(named) if not (ROOT / name).exists() and not (path.parent / name).exists()
    ]
    assert missing == []


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.name)
def test_every_command_and_setting_that_a_document_names_exists(path: Path) -> None:
    text = path.read_text()
    for command in re.findall(r"`watchkeeper ([a-z-]+)", text):
        assert command in commands(), command
    known = {environment_name(field) for field in Settings.__struct_fields__}
    for name in re.findall(r"\b(?:WATCHKEEPER|SLACK)_[A-Z_]+[A-Z]\b", text):
        assert name in known or _OF_TESTS.match(name) or name == "WATCHKEEPER_DEMO_DATABASE_URL", name


def test_the_readme_stays_short() -> None:
    assert (ROOT / "README.md").read_text().count("\n") <= 200


def test_the_log_format_is_the_documented_one() -> None:
    """The example of docs/log-format.md, computed by hand here as the document says."""
    text = (ROOT / "docs/log-format.md").read_text()
    event = seal(
        b"example-key",
        GENESIS,
        tenant="main",
        chain=TENANT_CHAIN,
        seq=1,
        at_ms=1750000000000,
        new=NewEvent(EventType.SWITCH_SET, {"scope": "tenant", "on": True, "by": "U123"}),
    )
    assert event.record.decode() in text
    mac = hmac.new(b"example-key", bytes(32) + event.record, hashlib.sha256).hexdigest()
    assert event.mac.hex() == mac
    assert mac in text


def test_every_event_type_is_documented() -> None:
    text = (ROOT / "docs/log-format.md").read_text()
    assert [kind.value for kind in EventType if f"`{kind.value}`" not in text] == []


def test_every_promise_test_is_in_the_security_page() -> None:
    text = (ROOT / "SECURITY.md").read_text()
    files = sorted(path.name for path in (ROOT / "tests/promises").glob("test_*.py"))
    assert files
    assert [name for name in files if f"`tests/promises/{name}`" not in text] == []
