"""What a kubectl that ended badly means to the reader: an answer that broke off is asked for again, a refusal is not."""

from pathlib import Path

import pytest

from bot.adapters.evidence._kubectl_read import build_read
from bot.domain.errors import Permanent, Retryable, WatchkeeperError
from bot.settings import Settings

BROKE_OFF = (
    'E1122 15:38:36.893482 21804 request.go:1198] "Unexpected error when reading response body" err="unexpected EOF"\n'
    "error: unexpected error when reading response body. Please retry. Original error: unexpected EOF"
)


@pytest.mark.parametrize(
    ("said", "error"),
    [
        (BROKE_OFF, Retryable),
        ("Error from server (ServiceUnavailable): the server is currently unable to handle it", Retryable),
        ("Unable to connect to the server: read tcp: connection reset by peer", Retryable),
        ("error: the server doesn't have a resource type", Permanent),
        ('Error from server (Forbidden): pods is forbidden: User "x" cannot list', Permanent),
    ],
)
def test_only_what_may_go_better_is_worth_another_try(
    said: str, error: type[WatchkeeperError], tmp_path: Path
) -> None:
    kubectl, config = tmp_path / "kubectl", tmp_path / "config"
    kubectl.write_text(f"#!/bin/sh\ncat >&2 <<'END'\n{said}\nEND\nexit 1\n")
    kubectl.chmod(0o755)
    config.touch()
    reader = build_read(Settings(kubectl=str(kubectl), kube_reader_config=config, data_dir=tmp_path))
    with pytest.raises(error):
        reader.items("pods")


@pytest.mark.parametrize(("slow_s", "asked"), [(0, 2), (2, 1)])
def test_a_server_that_fails_at_once_is_asked_once_more_and_one_that_hangs_is_not(
    slow_s: int, asked: int, tmp_path: Path
) -> None:
    kubectl, config, calls = tmp_path / "kubectl", tmp_path / "config", tmp_path / "calls"
    kubectl.write_text(
        f"#!/bin/sh\necho >> {calls}\nsleep {slow_s}\n[ $(wc -l < {calls}) -gt 1 ] && echo '{{\"items\": []}}' && exit 0\n"
        "echo 'Error from server (ServiceUnavailable): busy' >&2\nexit 1\n"
    )
    kubectl.chmod(0o755)
    config.touch()
    reader = build_read(Settings(kubectl=str(kubectl), kube_reader_config=config, data_dir=tmp_path))
    if asked == 1:
        with pytest.raises(Retryable):
            reader.items("pods")
    else:
        assert reader.items("pods") == []
    assert len(calls.read_text().splitlines()) == asked
