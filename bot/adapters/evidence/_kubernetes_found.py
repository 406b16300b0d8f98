"""What the finders of Kubernetes objects share: one finder a kind, asked with a label selector of our own making."""

from collections.abc import Mapping
from typing import Any, Protocol

from bot.domain.plan import Target

LABEL = "service"
Obj = Mapping[str, Any]
Found = list[tuple[Target, Mapping[str, str]]]


class Finder(Protocol):
    """Live objects of one kind in one namespace."""

    kind: str

    def of_service(self, service: str) -> Found:
        """Those that belong to a service; raises Retryable or Permanent, or KeyError for a strange object."""
        ...

    def of_role(self, role: str) -> Found:
        """Those to which operators gave the role; raises like `of_service`."""
        ...
