"""Short-lived credentials cut to one step: the executor's role, assumed anew with a session policy of its targets.

The long-lived keys may then hold nothing but the right to assume the role. The session bears the plan's hash as its
name and those who approved it as its source identity, so that CloudTrail tells both of every call by itself.
"""

import json
import re
import time
from collections.abc import Callable, Iterable
from typing import Any

import boto3

from bot.adapters.executors._aws_call import calling
from bot.domain.errors import Permanent, Refused
from bot.domain.permissions import aws_permissions
from bot.domain.permissions_aws import READING_SESSION, Place, policy
from bot.domain.plan import Target

DURATION_S = 900
_MARGIN_S = 60
_MOST_KEPT = 64
_ROLE = re.compile(r"arn:aws:iam::([0-9]{12}):role/[A-Za-z0-9+=,.@_/-]{1,512}")
# What STS takes as a session's name and as its source identity.
_LEAST_CHARACTERS, _MOST_CHARACTERS = 2, 64
_STRANGE = re.compile(r"[^A-Za-z0-9_+=,.@-]")


def source_identity(approver: str) -> str:
    """The approver's text in the characters and the length that STS takes."""
    return _STRANGE.sub("-", approver)[:_MOST_CHARACTERS]


class Sessions:
    """Sessions of one role; `now` gives monotonic seconds."""

    def __init__(self, sts: Any, role: str, region: str, now: Callable[[], float] = time.monotonic) -> None:
        found = _ROLE.fullmatch(role)
        if found is None:
            message = f"{role!r} is no ARN of a role; correct WATCHKEEPER_AWS_EXECUTOR_ROLE"
            raise Permanent(message)
        self._sts = sts
        self._role = role
        self._account = found.group(1)
        self._region = region
        self._now = now
        self._kept: dict[str, tuple[float, boto3.Session]] = {}

    def of_plan(self, permissions: Iterable[str], target: Target, token: str, approver: str) -> boto3.Session:
        """A fresh session for one write; `token` begins with the plan's hash. Raises Refused where nobody approved it."""
        source = source_identity(approver)
        if len(source) < _LEAST_CHARACTERS:
            message = "the session of a write must name who approved it"
            raise Refused(message, rule="no_approver")
        plan = f"plan-{token.partition(':')[0]}"[:_MOST_CHARACTERS]
        return self._assumed(self._policy(permissions, target), plan, source=source)

    def of_reading(self, permissions: Iterable[str], target: Target) -> boto3.Session:
        """A session for reads, kept while it lasts."""
        text = self._policy(permissions, target)
        until, session = self._kept.get(text, (0.0, None))
        if session is None or self._now() >= until:
            if len(self._kept) >= _MOST_KEPT:
                self._kept.clear()
            session = self._assumed(text, READING_SESSION, source="")
            self._kept[text] = (self._now() + DURATION_S - _MARGIN_S, session)
        return session

    def _policy(self, permissions: Iterable[str], target: Target) -> str:
        place = Place(self._region, self._account, target.scope, target.name, target.uid)
        return json.dumps(policy(aws_permissions(permissions), place), separators=(",", ":"))

    def _assumed(self, text: str, name: str, *, source: str) -> boto3.Session:
        identity = {"SourceIdentity": source} if source else {}
        with calling(writes=False):
            keys = self._sts.assume_role(
                RoleArn=self._role,
                RoleSessionName=name,
                Policy=text,
                DurationSeconds=DURATION_S,
                **identity,
            )["Credentials"]
        return boto3.Session(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])
