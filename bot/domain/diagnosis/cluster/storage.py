"""Claims that no volume satisfies, by trying each demand of the claim on the volumes; volumes that do not attach."""

import re
from collections.abc import Iterator

from bot.domain.diagnosis.cluster.cause import Cause
from bot.domain.diagnosis.cluster.finding import SAID, SEEN, SHOWN, Finding
from bot.domain.diagnosis.cluster.scheduling import refusal
from bot.domain.diagnosis.cluster.state import Claim, ClusterState, Pod, Volume

_MISSING = re.compile(r'persistentvolumeclaim "?([\w.-]+)"? not found')


def claims(state: ClusterState) -> Iterator[Finding]:
    """Pods that wait for a claim: what is wrong with it."""
    for pod in state.pods:
        said = refusal(state, pod)
        absent = _MISSING.search(said)
        if absent is not None:
            because = f"{pod.workload} mounts the claim {absent[1]}, which does not exist"
            yield Finding(
                "storage/absent", 1, "workload", pod.workload, Cause.CLAIM_MISSING, SHOWN, because, said
            )
        elif not pod.node and pod.phase == "Pending":
            yield from _unbound(state, pod, said)


def attachment(state: ClusterState) -> Iterator[Finding]:
    """Volumes that do not attach or mount while the pod waits for them."""
    for pod in state.pods:
        if pod.ready or not pod.node:
            continue
        for event in state.events_of("pod", pod.name):
            found = _attach(pod, event.reason, event.message)
            if found is not None:
                yield found
                break


def _unbound(state: ClusterState, pod: Pod, said: str) -> Iterator[Finding]:
    wanted = {ref.name for ref in pod.spec.named("claim")}
    for claim in state.claims or ():
        if claim.name not in wanted or claim.phase not in ("Pending", "Lost"):
            continue
        cause, why = _why(state, claim)
        events = state.events_of("persistentvolumeclaim", claim.name)
        weight = SAID if cause is not Cause.CLAIM_UNBOUND else SEEN
        quote = next((one.message for one in events), said)
        because = f"the claim {claim.name} of {pod.workload} stays unbound: {why}"
        yield Finding("storage/unbound", 1, "workload", pod.workload, cause, weight, because, quote)


def _why(state: ClusterState, claim: Claim) -> tuple[Cause, str]:
    if claim.volume:
        held = next((one for one in state.volumes if one.name == claim.volume), None)
        if held is not None and held.claim and held.claim != f"{state.namespace}/{claim.name}":
            return Cause.VOLUME_OCCUPIED, f"the volume {held.name} that it names belongs to {held.claim}"
    default = any(one.default for one in state.storage_classes or ())
    known = {one.name: one for one in state.storage_classes or ()}
    klass = claim.storage_class
    if klass and state.storage_classes is not None and klass not in known:
        static = any(volume.storage_class == klass for volume in state.volumes)
        if not static:
            return Cause.CLAIM_CLASS, f"its storage class {klass} does not exist"
    free = [one for one in state.volumes if one.phase in ("Available", "")]
    tried = [(volume, tuple(_failed(claim, volume, default))) for volume in free]
    if not tried:
        return _none_free(state, claim)
    volume, fails = min(tried, key=lambda pair: (len(pair[1]), pair[0].name))
    if not fails:
        return Cause.CLAIM_UNBOUND, f"the volume {volume.name} would fit"
    cause = fails[0]
    return cause, f"the nearest free volume, {volume.name}, fails on {cause.words}"


def _none_free(state: ClusterState, claim: Claim) -> tuple[Cause, str]:
    """Every volume is taken: the one that fits best otherwise is the one that it was meant to have."""
    own = f"{state.namespace}/{claim.name}"
    taken = [one for one in state.volumes if one.claim]
    fitting = [one for one in taken if not tuple(_failed(claim, one, False))]
    if fitting or taken:
        one = (fitting or taken)[0]
        held = "an earlier claim of the same name" if one.claim == own else one.claim
        return Cause.VOLUME_OCCUPIED, f"the volume {one.name} is held by {held} ({one.phase})"
    return Cause.CLAIM_UNBOUND, "there is no volume and nothing makes one"


def _failed(claim: Claim, volume: Volume, default: bool) -> Iterator[Cause]:
    if claim.selector and not claim.selector.items() <= volume.labels.items():
        yield Cause.CLAIM_SELECTOR
    if claim.modes and volume.modes and not set(claim.modes) <= set(volume.modes):
        yield Cause.CLAIM_MODE
    if volume.capacity and claim.asked > volume.capacity:
        yield Cause.CLAIM_CAPACITY
    named = claim.storage_class if claim.storage_class is not None else ("" if not default else None)
    if named is None or named != volume.storage_class:
        yield Cause.CLAIM_CLASS


def _attach(pod: Pod, reason: str, said: str) -> Finding | None:
    if reason == "FailedAttachVolume":
        cause = Cause.VOLUME_OCCUPIED if "exclusively attached" in said else Cause.VOLUME_ATTACH
        because = f"a volume of {pod.name} does not attach to {pod.node}"
        return Finding("storage/attach", 1, "workload", pod.workload, cause, SAID, because, said)
    if reason != "FailedMount":
        return None
    if re.search(
        r"permission denied|operation not permitted|read-only file system|access denied", said, re.IGNORECASE
    ):
        because = f"a volume of {pod.name} may not be mounted"
        return Finding(
            "storage/mount-permission",
            1,
            "workload",
            pod.workload,
            Cause.MOUNT_PERMISSION,
            SAID,
            because,
            said,
        )
    if re.search(r"secret .*not found|configmap .*not found", said, re.IGNORECASE):
        return None
    if re.search(
        r"hostPath type check failed|no such file or directory|is not a directory", said, re.IGNORECASE
    ):
        because = f"what {pod.name} mounts is not there"
        return Finding("storage/mount", 1, "workload", pod.workload, Cause.MOUNT_FAILED, SEEN, because, said)
    return None
