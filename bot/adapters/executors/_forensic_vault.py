"""A second place for forensic packages: an S3 bucket, under Object Lock where the bucket has it."""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from bot.adapters.executors._aws_call import failure
from bot.adapters.package_files import MANIFEST
from bot.domain.errors import WatchkeeperError

_KEPT = timedelta(days=90)
_NO_LOCK = ("ObjectLockConfigurationNotFoundError", "ObjectLockConfigurationNotFound")


class Vault:
    """Writes packages into one bucket; never reads, lists or deletes there."""

    def __init__(self, s3: Any, bucket: str) -> None:
        self._s3 = s3
        self._bucket = bucket

    def keep(self, folder: Path, prefix: str, *, now: float, within_s: float) -> str:
        """Copy every file, the manifest last; returns what was done in words for the log. Never raises for AWS."""
        deadline = time.monotonic() + within_s
        try:
            until = self._locked_until(now)
            files = sorted(path for path in folder.iterdir() if path.name != MANIFEST)
            for path in [*files, folder / MANIFEST]:
                if time.monotonic() > deadline:
                    return "not copied to S3 in full: no time was left; the package on disk is whole"
                self._put(path, f"{prefix}/{path.name}", until)
        except (ClientError, BotoCoreError) as error:
            return f"not copied to S3: {self._why(error)}"
        where = f"copied to s3://{self._bucket}/{prefix}"
        return (
            f"{where}, locked until {until:%Y-%m-%d}" if until else f"{where}, the bucket has no Object Lock"
        )

    def _locked_until(self, now: float) -> datetime | None:
        """A fixed term where the bucket locks; a bucket's own longer rule is left to it by its owner."""
        try:
            self._s3.get_object_lock_configuration(Bucket=self._bucket)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in _NO_LOCK:
                return None
            raise
        return datetime.fromtimestamp(now, UTC) + _KEPT

    def _put(self, path: Path, key: str, until: datetime | None) -> None:
        lock: dict[str, Any] = {}
        if until is not None:
            lock = {"ObjectLockMode": "GOVERNANCE", "ObjectLockRetainUntilDate": until}
        with path.open("rb") as body:
            self._s3.put_object(
                Bucket=self._bucket,
                Key=key,
                Body=body,
                ContentLength=path.stat().st_size,
                ChecksumAlgorithm="SHA256",
                **lock,
            )

    @staticmethod
    def _why(error: ClientError | BotoCoreError) -> str:
        told: WatchkeeperError = failure(error, writes=False)
        return str(told)[:120]
