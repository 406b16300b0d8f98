"""The endpoint that the evidence sources over HTTP ask in tests."""

from collections.abc import Iterator

import pytest

from tests.contract.evidence.endpoint import Endpoint
from tests.contract.standing import standing


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with standing(Endpoint()) as opened:
        yield opened
