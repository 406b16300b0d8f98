"""AWS sessions from one credentials file and from nothing else; whoever reads, pulls or acts has a file of its own."""

from pathlib import Path

import boto3
import botocore.session

from bot.domain.errors import Permanent


def session_of(credentials: Path) -> boto3.Session:
    """A session with the keys of this file; raises botocore's errors where it holds none."""
    # A named profile takes keys from this file alone: botocore then leaves the environment's keys out.
    session = botocore.session.Session(profile="default")
    session.set_config_variable("credentials_file", str(credentials))
    return boto3.Session(botocore_session=session)


def readable(credentials: Path | None, whose: str, variable: str) -> Path:
    """The credentials file; raises Permanent naming the setting where there is none to read."""
    if credentials is None or not credentials.is_file():
        message = f"{whose} AWS credentials {credentials} cannot be read; set {variable}"
        raise Permanent(message)
    return credentials
