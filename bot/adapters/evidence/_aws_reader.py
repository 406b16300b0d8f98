"""Clients of the reading identity, two attempts and bounded time, and our own errors; for the inventories."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from bot.adapters.aws_keys import readable, session_of
from bot.domain.errors import Permanent, Retryable
from bot.settings import Settings

_BUSY = ("ThrottlingException", "Throttling", "TooManyRequestsException", "RequestLimitExceeded")


class AwsReader:
    """Makes clients of one account with the reader's keys and nobody else's."""

    def __init__(self, credentials: Path, region: str, endpoint: str) -> None:
        retries: Any = {"total_max_attempts": 2, "mode": "standard"}
        self._session = session_of(credentials)
        self._config = Config(retries=retries, connect_timeout=1, read_timeout=3, proxies={})
        self._region = region
        self._endpoint = endpoint or None

    def of(self, service: Any) -> Any:
        """A client of one AWS service."""
        return self._session.client(
            service, region_name=self._region, endpoint_url=self._endpoint, config=self._config
        )


def build_reader(settings: Settings) -> AwsReader:
    """The clients that the settings describe; raises Permanent naming what is missing."""
    settings.require("reading AWS", ["aws_reader_credentials", "aws_region"])
    path = readable(settings.aws_reader_credentials, "the reader's", "WATCHKEEPER_AWS_READER_CREDENTIALS")
    try:
        return AwsReader(path, settings.aws_region, settings.aws_endpoint_url)
    except (BotoCoreError, ValueError) as error:
        message = f"AWS cannot be read with {path}: {error}"
        raise Permanent(message) from error


@contextmanager
def reading() -> Iterator[None]:
    """Around calls: their errors become Retryable where asking again can help, else Permanent."""
    try:
        yield
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        message = f"AWS cannot be read: {error}"
        raise (Retryable(message) if code in _BUSY or status >= 500 else Permanent(message)) from error
    except BotoCoreError as error:
        message = f"AWS cannot be read: {error}"
        raise Retryable(message) from error
