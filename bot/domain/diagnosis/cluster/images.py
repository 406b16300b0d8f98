"""Containers that never start: the image cannot be pulled, or something that the container refers to is not there."""

import re
from collections.abc import Iterator

from bot.domain.diagnosis.cluster.cause import Cause
from bot.domain.diagnosis.cluster.finding import SAID, SEEN, SHOWN, Finding
from bot.domain.diagnosis.cluster.podspec import Container
from bot.domain.diagnosis.cluster.state import ClusterState, Pod

PULLING = frozenset(
    {
        "ErrImagePull",
        "ImagePullBackOff",
        "InvalidImageName",
        "ErrImageNeverPull",
        "RegistryUnavailable",
        "ImageInspectError",
    }
)
_TEXTS: tuple[tuple[str, Cause], ...] = (
    (r"no such host|server misbehaving|name resolution|lookup \S+ on \S+", Cause.REGISTRY_NAME),
    (r"not found|notfound|manifest unknown|invalid reference format|parse image|couldn't parse", Cause.IMAGE_REFERENCE),
    (r"unauthorized|authentication required|no basic auth|forbidden|401|403|denied|insufficient_scope", Cause.PULL_AUTH),
    (r"i/o timeout|connection refused|tls handshake|deadline exceeded|no route to host|unreachable", Cause.REGISTRY_UNREACHABLE),
    (r"toomanyrequests|rate limit", Cause.REGISTRY_UNREACHABLE),
)  # fmt: skip
_REFERS: tuple[tuple[str, Cause], ...] = (
    (r"secret \"?[\w.-]+\"? not found|in secret|secrets? .*not found", Cause.CREDENTIAL_MISSING),
    (r"configmap \"?[\w.-]+\"? not found|in configmap", Cause.CONFIG_MISSING),
    (r"runasnonroot|run as root|non-numeric user", Cause.SECURITY_CONTEXT),
    (
        r"executable file not found|no such file or directory|exec format error|is a directory",
        Cause.COMMAND_INVALID,
    ),
    (r"permission denied", Cause.MOUNT_PERMISSION),
)


def pulls(state: ClusterState) -> Iterator[Finding]:
    """Containers that wait for their image."""
    for pod in state.pods:
        for container in pod.spec.containers:
            if container.state.reason in PULLING and not pod.deleted:
                yield _pull(state, pod, container)


def references(state: ClusterState) -> Iterator[Finding]:
    """Containers that wait for a secret, a config map or a sane command, and mounts of secrets that do not exist."""
    for pod in state.pods:
        if pod.ready or pod.deleted:
            continue
        said = [(one.reason, one.message) for one in state.events_of("pod", pod.name)]
        wanted = [text for reason, text in said if reason in ("FailedMount", "Failed", "FailedCreate")]
        waits = [
            one.state.message
            for one in pod.spec.containers
            if one.state.reason
            in ("CreateContainerConfigError", "CreateContainerError", "RunContainerError", "StartError")
            or one.state.last_reason in ("StartError", "ContainerCannotRun")
        ]
        starting = [one for one in pod.spec.containers if one.state.state == "waiting" or not one.state.state]
        texts = [*waits, *(wanted if starting or waits else ())]
        found = next((hit for text in texts if (hit := _refers(pod, text)) is not None), None)
        if found is not None:
            yield found
        else:
            yield from _unbound(state, pod)


def _pull(state: ClusterState, pod: Pod, container: Container) -> Finding:
    events = state.events_of("pod", pod.name)
    texts = [one.message for one in events if "pull" in one.message.lower() and one.warning]
    specific = [
        text for text in (*texts, container.state.message) if len(text) > len("Error: ImagePullBackOff") + 2
    ]
    quote = next(
        (text for text in specific if "rpc error" in text), next(iter(specific), container.state.reason)
    )
    secrets = [one for one in events if one.reason == "FailedToRetrieveImagePullSecret"]
    cause, weight = _pull_cause(state, pod, container, quote)
    if secrets and cause is not Cause.REGISTRY_NAME:
        cause, weight, quote = Cause.PULL_AUTH, SAID, secrets[0].message
    because = f"{pod.name} cannot pull {container.image}"
    return Finding("image/pull", 1, "workload", pod.workload, cause, weight, because, quote)


def _pull_cause(state: ClusterState, pod: Pod, container: Container, said: str) -> tuple[Cause, float]:
    if container.state.reason == "InvalidImageName":
        return Cause.IMAGE_REFERENCE, SAID
    text = said.lower()
    cause = next((one for pattern, one in _TEXTS if re.search(pattern, text)), None)
    if cause is Cause.PULL_AUTH and (_official(container.image) or _others_pull(state, pod, container)):
        # A public registry, or a mirror of it, answers "denied" for what does not exist.
        return Cause.IMAGE_REFERENCE, SHOWN
    return (cause, SAID) if cause is not None else (Cause.IMAGE_UNAVAILABLE, SEEN)


def _official(image: str) -> bool:
    """Whether an image is one of the default registry's own, which nobody needs a secret for."""
    return "/" not in image.removeprefix("docker.io/").removeprefix("library/")


def _others_pull(state: ClusterState, pod: Pod, container: Container) -> bool:
    """Whether pods without a pull secret run images of the same registry path, and this one asks for none either."""
    if any(True for _ in pod.spec.named("pull_secret")):
        return False
    place = container.image.rpartition("/")[0]
    return any(
        one.image.rpartition("/")[0] == place
        for other in state.pods
        if other.name != pod.name and other.ready and not any(True for _ in other.spec.named("pull_secret"))
        for one in other.spec.served
    )


def _refers(pod: Pod, said: str) -> Finding | None:
    text = said.lower()
    cause = next((one for pattern, one in _REFERS if re.search(pattern, text)), None)
    if cause is None or "service account" in text or "pull" in text:
        return None
    because = f"{pod.name} cannot start: {cause.words}"
    return Finding("start/reference", 1, "workload", pod.workload, cause, SAID, because, said)


def _unbound(state: ClusterState, pod: Pod) -> Iterator[Finding]:
    """Secrets that the pod needs and that do not exist, where the list of secrets was read."""
    if state.secrets is None or pod.phase not in ("Pending", "Running"):
        return
    for reference in pod.spec.named("secret"):
        if reference.name not in state.secrets:
            because = f"{pod.name} needs the secret {reference.name}, which does not exist"
            yield Finding(
                "start/secret", 1, "workload", pod.workload, Cause.CREDENTIAL_MISSING, SHOWN, because
            )
