"""A second AWS stand-in as a process of its own, for what the first one does not know or does otherwise."""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.contract.kube.simulated import free_port

_BINARY = Path(sys.executable).parent.parent / "rivals" / "bin" / "ministack"
_START_S = 60.0


@contextlib.contextmanager
def ministack() -> Iterator[str]:
    """A running server on loopback; yields its URL. Skips where `make rivals` has not been run."""
    if not _BINARY.exists():
        pytest.skip("no second AWS stand-in: run `make rivals`")
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    given = {"PATH": os.environ["PATH"], "BIND_HOST": "127.0.0.1", "GATEWAY_PORT": str(port)}
    with subprocess.Popen(
        [_BINARY], env=given, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as server:
        try:
            _wait(server, url)
            yield url
        finally:
            server.terminate()


def _wait(server: "subprocess.Popen[bytes]", url: str) -> None:
    end = time.monotonic() + _START_S
    while time.monotonic() < end:
        assert server.poll() is None, f"the server ended with code {server.returncode}"
        with contextlib.suppress(httpx.TransportError):
            httpx.get(url, trust_env=False, timeout=5)
            return
        time.sleep(0.1)
    pytest.fail(f"no answer from the second AWS stand-in within {_START_S:.0f} s")
