"""One application for a module's calls."""

from collections.abc import Iterator

import pytest

from tests.contract.http.web_app import Called, called


@pytest.fixture(scope="module")
def web_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Called]:
    with called(tmp_path_factory.mktemp("web")) as made:
        yield made
