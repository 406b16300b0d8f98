"""Surface: the registered WAF IP sets. The list is written whole, under the lock token of the list just read."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from bot.adapters.executors._aws_call import calling, check_accepted, check_same
from bot.domain.actions.waf import BLOCK_ADDRESS
from bot.domain.catalogue import Action
from bot.domain.errors import Refused
from bot.domain.live_ip_set import live_ip_set
from bot.domain.plan import PlannedStep, Target
from bot.settings import WafIpSet

_MOST = 1000


class IpSets:
    """`Surface` over the IP sets of the settings; `protected` are ranges that are never blocked."""

    kind = "waf.ip_set"
    actions: Sequence[Action] = (BLOCK_ADDRESS,)

    def __init__(self, wafv2: Any, sets: Collection[WafIpSet], protected: Collection[str]) -> None:
        self._wafv2 = wafv2
        self._ids: dict[tuple[str, str], str] = {(one.scope, one.name): one.id for one in sets}
        self._protected = protected

    def read(self, target: Target) -> Mapping[str, str]:
        return live_ip_set(self._get(target)["IPSet"], self._protected)

    def dry_run(self, step: PlannedStep) -> None:
        """WAF has no dry run; this is the identity of the set and the action's own precondition."""
        self._checked(step)

    def call(self, step: PlannedStep, *, token: str) -> str:
        found = self._checked(step)
        address, blocked = str(step.params["address"]), bool(step.params["blocked"])
        held = set(found["IPSet"]["Addresses"])
        wanted = held | {address} if blocked else held - {address}
        if len(wanted) > _MOST:
            message = f"IP set {step.target.name} holds {len(held)} addresses already; clear it out by hand"
            raise Refused(message, rule="full")
        with calling(writes=True):
            self._wafv2.update_ip_set(
                Name=step.target.name,
                Scope=step.target.scope,
                Id=self._ids[(step.target.scope, step.target.name)],
                Addresses=sorted(wanted),
                LockToken=found["LockToken"],
            )
        return f"{address} is {'blocked' if blocked else 'let through'} by {step.target.name}"

    def _checked(self, step: PlannedStep) -> Any:
        found = self._get(step.target)
        live = live_ip_set(found["IPSet"], self._protected)
        check_same(live, step.target)
        check_accepted(BLOCK_ADDRESS, live, step)
        return found

    def _get(self, target: Target) -> Any:
        known = self._ids.get((target.scope, target.name))
        if known is None:
            message = f"IP set {target.name} is not one of the registered ones"
            raise Refused(message, rule="outside_ip_sets")
        with calling(writes=False):
            return self._wafv2.get_ip_set(Name=target.name, Scope=target.scope, Id=known)
