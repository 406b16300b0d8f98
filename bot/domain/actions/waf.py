"""Blocking one client address by a WAF IP set that operators registered for it.

Live fields of `waf.ip_set` (scope = REGIONAL or CLOUDFRONT): uid = its ARN; version = 4 or 6; addresses = what it
holds, sorted, with commas; protected_ranges = what is never blocked; candidate* = the one address from which most of
the requests came that the operators' own rule sampled in the last quarter of an hour, read live from WAF,
candidate_requests* = how many, both absent where there is none that may be blocked. (* = not read by the executor.)
"""

from collections.abc import Mapping

from bot.domain.catalogue import Action, Live, Param, Params
from bot.domain.live_ip_set import why_not
from bot.domain.plan import ActionClass, Target

KINDS: Mapping[str, frozenset[str]] = {
    "waf.ip_set": frozenset(
        {"version", "addresses", "protected_ranges", "candidate", "candidate_requests"},
    )
}
# One single address: four numbers and /32, or IPv6 and /128. No range can be written in this form.
ADDRESS = r"(?:[0-9]{1,3}(?:\.[0-9]{1,3}){3}/32|[0-9a-f:]{2,39}/128)"


def _command(target: Target, params: Params) -> tuple[str, ...]:
    return (
        "aws", "wafv2", "update-ip-set", f"--scope={target.scope}", f"--name={target.name}",
        f"--address={params['address']}", f"--blocked={params['blocked']}",
    )  # fmt: skip


def _held(live: Live, address: str) -> bool:
    return address in live["addresses"].split(",")


def _refuses(live: Live, params: Params) -> str:
    # Taking an address out again is never refused.
    return why_not(str(params["address"]), live) if int(params["blocked"]) else ""


BLOCK_ADDRESS = Action(
    id="waf/block-address",
    executor="aws",
    target_kind="waf.ip_set",
    klass=ActionClass.RISKY,
    params={
        "address": Param("name", pattern=ADDRESS),
        "blocked": Param("integer", minimum=0, maximum=1),
    },
    command=_command,
    inverse=lambda live, params: {
        "address": str(params["address"]),
        "blocked": int(_held(live, str(params["address"]))),
    },
    expect=(),
    sets=lambda _params: {},
    settled=lambda live, params: _held(live, str(params["address"])) == bool(params["blocked"]),
    blast_radius=lambda _live, _params: {"addresses": 1},
    permissions=("iam:wafv2:GetIPSet", "iam:wafv2:UpdateIPSet"),
    refuses=_refuses,
    name_pattern=r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}",
)

ACTIONS = (BLOCK_ADDRESS,)
