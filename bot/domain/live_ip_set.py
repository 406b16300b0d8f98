"""Live fields of a WAF IP set, and which single addresses may ever be put into one."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any

_VERSIONS = {"IPV4": 4, "IPV6": 6}


def live_ip_set(ip_set: Mapping[str, Any], protected: Iterable[str]) -> dict[str, str]:
    """The fields that `domain/actions` names for waf.ip_set, as the API and the settings give them."""
    return {
        "uid": str(ip_set["ARN"]),
        "version": str(_VERSIONS[ip_set["IPAddressVersion"]]),
        "addresses": ",".join(sorted(ip_set["Addresses"])),
        "protected_ranges": ",".join(sorted(protected)),
    }


def candidate_of(requests: Sequence[Mapping[str, Any]], live: Mapping[str, str]) -> dict[str, str]:
    """The client that most of the sampled requests came from and that may be blocked; empty without one.

    The address is that of the connection, not of a header, and was sampled by the operators' own rule.
    """
    counts: Counter[str] = Counter()
    for one in requests:
        counts[str(one["Request"]["ClientIP"])] += int(one.get("Weight", 1))
    for client, count in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])):
        single = _single(client)
        if single and not why_not(single, live):
            return {"candidate": single, "candidate_requests": str(count)}
    return {}


def why_not(address: str, live: Mapping[str, str]) -> str:
    """Why this address, in CIDR form, may not be blocked in the set; empty where it may."""
    try:
        network = ip_network(address)
        guarded = [ip_network(one) for one in live["protected_ranges"].split(",") if one]
    except ValueError:
        return "the address or a protected range is not one."
    if "/" not in address or network.prefixlen != network.max_prefixlen:
        return "only one single address may be blocked, never a range."
    if not network.network_address.is_global or network.network_address.is_multicast:
        return "a private or reserved address is not blocked: it may be our own."
    if any(_inside(network, one) for one in guarded):
        return "it lies in a protected range: the operators' or Watchkeeper's own path."
    if str(network.version) != live["version"]:
        return f"the set takes IPv{live['version']} addresses only."
    return ""


def _inside(network: IPv4Network | IPv6Network, other: IPv4Network | IPv6Network) -> bool:
    return network.version == other.version and network.network_address in other


def _single(client: str) -> str:
    try:
        address = ip_address(client)
    except ValueError:
        return ""
    return f"{address}/{address.max_prefixlen}"
