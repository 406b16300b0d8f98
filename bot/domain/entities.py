"""Which service an alert is about, where its sender names a pod, a workload or a host instead. Pure, exact names only.

A name that the dependency graph knows is bound; nothing is guessed by likeness, since a wrong service misleads more
than none. What is not known stays as the sender wrote it.
"""

import re
from collections.abc import Mapping

from bot.domain.alert import Alert

# Label names that may hold a service or something that belongs to one, most telling first.
LABELS = (
    "service",
    "service.name",
    "service_name",
    "app",
    "app_kubernetes_io_name",
    "app.kubernetes.io/name",
    "deployment",
    "statefulset",
    "daemonset",
    "workload",
    "container",
    "job",
    "pod",
    "host",
    "instance",
)
_GENERATED = (
    re.compile(r"^(.+?)-[0-9a-z]{5,10}-[0-9a-z]{5}$"),
    re.compile(r"^(.+?)-(?:[bcdfghjklmnpqrstvwxz2456789]{5,10}|\d{1,8})$"),
)
_PORT = re.compile(r":\d{1,5}$")


class Names:
    """The services of a graph, by their exact names and by the same in lower case where that is unambiguous."""

    def __init__(self, known: frozenset[str]) -> None:
        self._known = known
        lowered: dict[str, set[str]] = {}
        for name in known:
            lowered.setdefault(name.lower(), set()).add(name)
        self._lowered = {low: next(iter(names)) for low, names in lowered.items() if len(names) == 1}

    def all_bound(self, alerts: tuple[Alert, ...]) -> tuple[Alert, ...]:
        """Each as `bound` gives it; the same tuple where every service is known."""
        if not self._known or self._known.issuperset([alert.service for alert in alerts]):
            return alerts
        return tuple(map(self.bound, alerts))

    def bound(self, alert: Alert) -> Alert:
        """The alert with the service that the graph knows it by; itself where its service is known or nothing fits."""
        if not self._known or alert.service in self._known:
            return alert
        found = self._first(alert.service, alert.labels)
        return alert._replace(service=found) if found else alert

    def _first(self, service: str, labels: Mapping[str, str]) -> str:
        for value in (service, *(labels[name] for name in LABELS if labels.get(name))):
            for form in _forms(value):
                if form in self._known:
                    return form
                if form.lower() in self._lowered:
                    return self._lowered[form.lower()]
        return ""


def _forms(value: str) -> list[str]:
    """A name as it is, without namespace or domain, port, and what a controller appended."""
    plain = _PORT.sub("", value.strip())
    last = plain.rsplit("/", 1)[-1]
    forms = [plain, last, last.split(".", 1)[0]]
    forms += [found.group(1) for form in (last,) for rule in _GENERATED if (found := rule.match(form))]
    return [form for form in dict.fromkeys(forms) if form]
