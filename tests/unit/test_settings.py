"""Settings that would send a token away are refused, wrong ones by name, and what is read has its type."""

from collections.abc import Callable
from pathlib import Path

import pytest

from bot.domain.errors import Permanent
from bot.domain.secret import SecretStr
from bot.settings import Settings, load


@pytest.mark.parametrize("url", ["https://slack.com/api/", "https://acme.slack.com/api/"])
def test_slack_itself(settings: Callable[..., Settings], url: str) -> None:
    assert settings(slack_api_url=url).slack_api_url == url


@pytest.mark.parametrize(
    "url",
    [
        "https://notslack.com/api/",
        "https://slack.com.example.org/api/",
        "https://slack.com@example.org/api/",
        "http://slack.com/api/",
        "http://127.0.0.1:9/api/",
    ],
)
def test_somebody_else(settings: Callable[..., Settings], url: str) -> None:
    with pytest.raises(Permanent, match="SLACK_API_URL"):
        settings(slack_api_url=url)


def test_variables_of_the_tests_are_no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHKEEPER_TEST_DATA", "a folder")
    load()
    monkeypatch.setenv("WATCHKEEPER_TSET_DATA", "a folder")
    with pytest.raises(Permanent, match="unknown settings: WATCHKEEPER_TSET_DATA"):
        load()


def test_a_topic_is_an_arn(monkeypatch: pytest.MonkeyPatch) -> None:
    source = '{"aws": {"kind": "cloudwatch", "topics": ["%s"]}}'
    monkeypatch.setenv("WATCHKEEPER_SOURCES", source % "arn:aws:sns:eu-west-1:123456789012:alarms")
    assert load().sources["aws"].topics
    monkeypatch.setenv("WATCHKEEPER_SOURCES", source % "alarms")
    with pytest.raises(Permanent, match=r"WATCHKEEPER_SOURCES\[aws\]\[topics\]"):
        load()


@pytest.mark.parametrize(
    ("variable", "text", "words"),
    [
        ("WATCHKEEPER_HTTP_PORT", "70000", "WATCHKEEPER_HTTP_PORT: Expected `int` <= 65535"),
        ("WATCHKEEPER_RESOLVE_AFTER_S", "inf", "WATCHKEEPER_RESOLVE_AFTER_S: Expected a finite number"),
        ("WATCHKEEPER_MODEL_DEADLINE_S", "nan", "WATCHKEEPER_MODEL_DEADLINE_S: Expected"),
        ("WATCHKEEPER_PRICES", '{"a": 1, "b": -1}', "WATCHKEEPER_PRICES[b]: Expected `float` >= 0"),
        ("WATCHKEEPER_DEMO", "perhaps", "WATCHKEEPER_DEMO: Expected `bool`"),
        ("WATCHKEEPER_OPERATOR_TOKEN", "short", "WATCHKEEPER_OPERATOR_TOKEN: at least 20 characters"),
        ("WATCHKEEPER_APPCONFIG_STRATEGY", "abc1234\n", "WATCHKEEPER_APPCONFIG_STRATEGY: Expected `str`"),
        (
            "WATCHKEEPER_POSTGRES_READER_DSNS",
            '{"a": 1}',
            "WATCHKEEPER_POSTGRES_READER_DSNS[a]: Expected `str`",
        ),
    ],
)
def test_a_wrong_value_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, variable: str, text: str, words: str
) -> None:
    monkeypatch.setenv(variable, text)
    with pytest.raises(Permanent) as refused:
        load()
    assert words in str(refused.value)


def test_every_wrong_value_is_named_and_no_secret_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHKEEPER_HTTP_PORT", "eighty")
    monkeypatch.setenv("WATCHKEEPER_SOURCES", '{"a": {"kind": "generic", "token": ["xoxb-1"]}}')
    with pytest.raises(Permanent) as refused:
        load()
    assert "WATCHKEEPER_HTTP_PORT" in str(refused.value)
    assert "WATCHKEEPER_SOURCES[a][token]" in str(refused.value)
    assert "xoxb-1" not in str(refused.value)


def test_what_is_read_has_its_type(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHKEEPER_DEMO", "Yes")
    monkeypatch.setenv("WATCHKEEPER_HTTP_PORT", " 80 ")
    monkeypatch.setenv("WATCHKEEPER_STOP_FILE", "a/stop")
    monkeypatch.setenv("WATCHKEEPER_AUDIT_KEY", "null")
    monkeypatch.setenv("WATCHKEEPER_PROTECTED_INSTANCES", '["i-1"]')
    read = load()
    assert (read.demo, read.http_port, read.stop_file) == (True, 80, Path("a/stop"))
    assert read.audit_key == SecretStr("null")
    assert read.protected_instances == ("i-1",)
    assert "null" not in repr(read)
