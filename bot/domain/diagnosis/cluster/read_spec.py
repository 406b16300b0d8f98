"""A pod's spec and container states from the API's own objects; what is absent or malformed reads as not asked for."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bot.domain.diagnosis.cluster.podspec import (
    Apart,
    Container,
    ContainerState,
    PodSpec,
    Port,
    Probe,
    Reference,
    Requirement,
    Toleration,
)
from bot.domain.diagnosis.cluster.quantity import quantity

Obj = Mapping[str, Any]


def pod_spec(spec: Obj, statuses: Sequence[Obj] = ()) -> PodSpec:
    """A pod's spec; `statuses` are the container statuses of the pod, init ones among them."""
    states = {str(one.get("name")): container_state(one) for one in statuses}
    affinity = spec.get("affinity") or {}
    return PodSpec(
        containers=tuple(_containers(spec, states)),
        node_selector={str(k): str(v) for k, v in (spec.get("nodeSelector") or {}).items()},
        affinity=tuple(_node_terms(affinity.get("nodeAffinity") or {})),
        apart=tuple(_apart(affinity.get("podAntiAffinity") or {})),
        tolerations=tuple(
            Toleration(
                str(one.get("key") or ""),
                str(one.get("operator") or "Equal"),
                str(one.get("value") or ""),
                str(one.get("effect") or ""),
            )
            for one in spec.get("tolerations") or ()
        ),
        service_account=str(spec.get("serviceAccountName") or ""),
        references=tuple(dict.fromkeys(_references(spec))),
        dns=tuple(str(one) for one in (spec.get("dnsConfig") or {}).get("nameservers") or ()),
        dns_policy=str(spec.get("dnsPolicy") or ""),
    )


def requirements(selector: Obj) -> tuple[Requirement, ...]:
    """The expressions of a label selector, its plain labels among them."""
    plain = [Requirement(str(k), "In", (str(v),)) for k, v in (selector.get("matchLabels") or {}).items()]
    return (*plain, *_expressions(selector))


def container_state(status: Obj) -> ContainerState:
    """What a container's status says of this run and the last."""
    now, last = status.get("state") or {}, status.get("lastState") or {}
    state = next(iter(now), "")
    shown, ended = now.get(state) or {}, last.get("terminated") or {}
    return ContainerState(
        state=state,
        reason=str(shown.get("reason") or ""),
        message=str(shown.get("message") or ""),
        exit_code=_number(shown.get("exitCode")),
        restarts=int(status.get("restartCount") or 0),
        ready=bool(status.get("ready")),
        last_reason=str(ended.get("reason") or ""),
        last_exit=_number(ended.get("exitCode")),
        last_message=str(ended.get("message") or ""),
    )


def _containers(spec: Obj, states: Mapping[str, ContainerState]) -> Iterator[Container]:
    for key in ("initContainers", "containers"):
        for one in spec.get(key) or ():
            asked = one.get("resources") or {}
            name = str(one.get("name") or "")
            words = [*(one.get("command") or ()), *(one.get("args") or ())]
            yield Container(
                name=name,
                image=str(one.get("image") or ""),
                ports=tuple(
                    Port(int(p["containerPort"]), str(p.get("protocol") or "TCP"), str(p.get("name") or ""))
                    for p in one.get("ports") or ()
                    if str(p.get("containerPort", "")).isdigit()
                ),
                requests={str(k): quantity(v) for k, v in (asked.get("requests") or {}).items()},
                limits={str(k): quantity(v) for k, v in (asked.get("limits") or {}).items()},
                liveness=_probe(one.get("livenessProbe")),
                readiness=_probe(one.get("readinessProbe")),
                startup=_probe(one.get("startupProbe")),
                env={str(e.get("name")): str(e["value"]) for e in one.get("env") or () if "value" in e},
                mounts=tuple(str(m.get("mountPath")) for m in one.get("volumeMounts") or ()),
                arguments=" ".join(str(word) for word in words),
                init=key == "initContainers",
                state=states.get(name, ContainerState()),
            )


def _probe(probe: Obj | None) -> Probe | None:
    if not probe:
        return None
    how = "exec"
    target: Obj = {}
    for key, name in (("httpGet", "http"), ("tcpSocket", "tcp"), ("grpc", "grpc")):
        if key in probe:
            how, target = name, probe[key] or {}
    if str(target.get("scheme") or "").upper() == "HTTPS":
        how = "https"
    return Probe(
        how=how,
        port=str(target.get("port") or ""),
        path=str(target.get("path") or ""),
        delay_s=float(probe.get("initialDelaySeconds") or 0),
        period_s=float(probe.get("periodSeconds") or 10),
        timeout_s=float(probe.get("timeoutSeconds") or 1),
        failures=int(probe.get("failureThreshold") or 3),
    )


def _node_terms(affinity: Obj) -> Iterator[tuple[Requirement, ...]]:
    required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution") or {}
    for term in required.get("nodeSelectorTerms") or ():
        yield _expressions(term)


def _apart(affinity: Obj) -> Iterator[Apart]:
    for term in affinity.get("requiredDuringSchedulingIgnoredDuringExecution") or ():
        yield Apart(requirements(term.get("labelSelector") or {}), str(term.get("topologyKey") or ""))


def _expressions(term: Obj) -> tuple[Requirement, ...]:
    return tuple(
        Requirement(
            str(one.get("key")),
            str(one.get("operator") or "In"),
            tuple(str(v) for v in one.get("values") or ()),
        )
        for one in term.get("matchExpressions") or ()
    )


def _references(spec: Obj) -> Iterator[Reference]:
    for secret in spec.get("imagePullSecrets") or ():
        yield Reference("pull_secret", str(secret.get("name")))
    for volume in spec.get("volumes") or ():
        yield from _mounted(volume)
    for container in (*(spec.get("initContainers") or ()), *(spec.get("containers") or ())):
        for entry in container.get("envFrom") or ():
            yield from _named(entry, "secretRef", "configMapRef")
        for variable in container.get("env") or ():
            yield from _named(variable.get("valueFrom") or {}, "secretKeyRef", "configMapKeyRef")


def _mounted(volume: Obj) -> Iterator[Reference]:
    if volume.get("persistentVolumeClaim"):
        yield Reference("claim", str(volume["persistentVolumeClaim"].get("claimName")))
    if volume.get("secret"):
        one = volume["secret"]
        yield Reference("secret", str(one.get("secretName")), bool(one.get("optional")))
    if volume.get("configMap"):
        one = volume["configMap"]
        yield Reference("configmap", str(one.get("name")), bool(one.get("optional")))


def _named(holder: Obj, secret: str, config: str) -> Iterator[Reference]:
    for key, kind in ((secret, "secret"), (config, "configmap")):
        one = holder.get(key)
        if one and one.get("name"):
            yield Reference(kind, str(one["name"]), bool(one.get("optional")))


def _number(value: object) -> int | None:
    return int(value) if isinstance(value, int) else None
