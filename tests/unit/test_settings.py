"""Settings that would send a token away are refused."""

from collections.abc import Callable

import pytest

from bot.domain.errors import Permanent
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
