"""Alarms out of an Amazon SQS queue, pulled with credentials of the intake's own: no address needs to be open for them.

A message is deleted once it is stored. One that cannot be read stays, so that the queue's redrive policy moves it to the
dead-letter queue; where there is none, intake takes it after a while as a payload that nobody can read.
"""

from pathlib import Path
from typing import Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from bot.adapters.aws_keys import readable, session_of
from bot.domain.errors import Permanent, Retryable
from bot.settings import Settings

WAIT_S = 5
MOST_AT_ONCE = 10
_TIMES = "ApproximateReceiveCount"


class SqsQueue:
    """One queue."""

    def __init__(self, credentials: Path, region: str, endpoint: str, url: str) -> None:
        retries: Any = {"total_max_attempts": 2, "mode": "standard"}
        config = Config(retries=retries, connect_timeout=2, read_timeout=WAIT_S + 5, proxies={})
        self._client: Any = session_of(credentials).client(
            "sqs", region_name=region, endpoint_url=endpoint or None, config=config
        )
        self._url = url

    def receive(self) -> list[tuple[str, str, bytes, int]]:
        """At most MOST_AT_ONCE messages as (receipt, id, body, times received), after at most WAIT_S seconds.

        Raises Retryable.
        """
        try:
            answer = self._client.receive_message(
                QueueUrl=self._url,
                MaxNumberOfMessages=MOST_AT_ONCE,
                WaitTimeSeconds=WAIT_S,
                AttributeNames=[_TIMES],
            )
        except (ClientError, BotoCoreError) as error:
            message = f"the queue {self._url} cannot be read: {error}"
            raise Retryable(message, delay_s=5.0) from error
        return [
            (
                one["ReceiptHandle"],
                one["MessageId"],
                one["Body"].encode("utf-8", "surrogatepass"),
                int(one.get("Attributes", {}).get(_TIMES, 1)),
            )
            for one in answer.get("Messages", ())
        ]

    def done(self, receipt: str) -> None:
        """Delete a message that is stored; where that fails it comes again, and is known then."""
        try:
            self._client.delete_message(QueueUrl=self._url, ReceiptHandle=receipt)
        except (ClientError, BotoCoreError) as error:
            message = f"a message of {self._url} cannot be deleted: {error}"
            raise Retryable(message, delay_s=5.0) from error


def build(settings: Settings, url: str) -> SqsQueue:
    """The queue behind an address; raises Permanent naming what is missing."""
    settings.require("pulling from SQS", ["aws_intake_credentials", "aws_region"])
    path = readable(settings.aws_intake_credentials, "the intake's", "WATCHKEEPER_AWS_INTAKE_CREDENTIALS")
    try:
        return SqsQueue(path, settings.aws_region, settings.aws_endpoint_url, url)
    except (BotoCoreError, ValueError) as error:
        message = f"SQS cannot be used with {path}: {error}"
        raise Permanent(message) from error
