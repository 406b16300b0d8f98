"""The endpoint that the evidence sources over HTTP ask in tests."""

from collections.abc import Iterator

import pytest

from tests.contract.evidence.endpoint import Endpoint


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    opened = Endpoint()
    yield opened
    opened.shutdown()
    opened.server_close()
