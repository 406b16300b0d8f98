"""Words of the actions on Kubernetes and of the forensic package."""

from collections.abc import Mapping

from bot.domain.action_words.words import Words

_SERVER = "The API server tries the change with `--dry-run=server`, admission included."

WORDS: Mapping[str, Words] = {
    "kubectl/rollout-undo": Words(
        does="Restores the pod template of an older revision that still exists, named by number and template hash.",
        dry_run=f"{_SERVER} Before that the revision must still hold the promised template.",
        read_back="The live template hash is the promised one and every pod of it is updated and ready.",
        risks=(
            "The older version may not understand data that the newer one has written.",
            "What lies outside the pod template (a ConfigMap edited in place, a database schema) stays as it is.",
        ),
    ),
    "kubectl/scale": Words(
        takes="of the replicas",
        does="Sets the number of replicas of a Deployment.",
        dry_run=_SERVER,
        read_back="The wanted and the existing number of pods are the approved one; whether they get ready is verified.",
        risks=(
            "More pods may exceed the nodes' capacity, a quota or the connections of a database behind them.",
            "Fewer pods carry more load each.",
        ),
        refuses=("An autoscaler sets the replicas; set its bounds instead.",),
    ),
    "kubectl/rollout-restart": Words(
        does="Replaces every pod of a Deployment by a fresh one, as its rollout strategy allows.",
        dry_run=_SERVER,
        read_back="The template carries the mark of this restart, and every pod of it is updated and ready.",
        risks=(
            "What only the old processes hold in memory is lost, evidence included; take the forensic package first.",
            "It cannot be undone: a process that was ended does not come back.",
        ),
        refuses=("Fewer than two pods are ready.", "A rollout is under way.", "Its rollouts are paused."),
    ),
    "kubectl/set-hpa-bounds": Words(
        takes="of the greatest number of pods",
        does="Sets the least and the greatest number of pods of a HorizontalPodAutoscaler.",
        dry_run=_SERVER,
        read_back="Both bounds are the approved ones.",
        risks=(
            "A higher upper bound lets the bill and the load on what lies behind grow without another question.",
        ),
        refuses=("The lower bound would be above the upper one.",),
    ),
    "kubectl/set-feature-flag": Words(
        does="Sets the one key of a ConfigMap that operators declared to be a feature flag, to true, false, on or off.",
        dry_run=_SERVER,
        read_back="The key has the approved value.",
        risks=(
            "Programs that read the ConfigMap only at their start keep the old value until they are restarted.",
        ),
        refuses=(
            "The key is not the one that the ConfigMap's annotation `watchkeeper-flag` names.",
            "Its present value is none that could be restored.",
        ),
    ),
    "kubectl/detach-pod": Words(
        does="Takes a pod out of its ReplicaSet, which makes a replacement, while the pod keeps serving.",
        dry_run=_SERVER,
        read_back="The pod is detached and as many ready pods as wanted serve without it.",
        risks=(
            "The ReplicaSet no longer looks after the pod: it stays until somebody brings it back or deletes it.",
            "The replacement needs room on a node.",
        ),
        refuses=(
            "The pod has the role protected.",
            "Its Deployment does not select it by the label `service`.",
        ),
    ),
    "kubectl/isolate-pod": Words(
        takes="of the ready pods that the service wants; replacements count, and so do pods that earlier steps took",
        does="Moves a pod's label `service` away, so that no Service sends it traffic and the quarantine's deny-all "
        "policy holds for it.",
        dry_run=_SERVER,
        read_back="The pod carries the quarantine label and no longer the label `service`.",
        risks=(
            "Traffic is cut only where the cluster's network plugin enforces NetworkPolicies.",
            "Connections that are open already may live on until they are closed.",
        ),
        refuses=(
            "The pod has the role protected.",
            "Its Deployment does not select it by the label `service`.",
        ),
    ),
    "kubectl/quarantine-policy": Words(
        does="Puts the deny-all NetworkPolicy of the quarantine in place, for every pod that carries its label and no other.",
        dry_run=_SERVER,
        read_back="The policy is in place as the plan shows it.",
        risks=("It has an effect only where the cluster's network plugin enforces NetworkPolicies.",),
        refuses=("It would be taken away while pods are in quarantine behind it.",),
    ),
    "kubectl/deny-namespace": Words(
        does="Keeps the pods of one namespace out of ours with a NetworkPolicy; pods with the role protected are left alone.",
        dry_run=_SERVER,
        read_back="The policy is in place as the plan shows it.",
        risks=(
            "Everything in the other namespace loses its way to ours, not only what is suspicious.",
            "It has an effect only where the cluster's network plugin enforces NetworkPolicies.",
        ),
        refuses=(
            "The namespace is protected, or does not carry its name as a label.",
            "Other NetworkPolicies for ingress stand here.",
            "Services for callers outside the cluster would be cut off as well.",
        ),
    ),
    "kubectl/cordon": Words(
        does="Lets no new pods onto a node; back again, lets them.",
        dry_run=_SERVER,
        read_back="The node's mark unschedulable is the approved one.",
        risks=("The other nodes must have room for what comes next.",),
        refuses=("No other ready node takes pods.",),
    ),
    "kubectl/drain": Words(
        takes="of the ready pods of each workload on the node",
        does="Evicts the pods of a cordoned node one by one, as their disruption budgets allow; other nodes get new ones.",
        dry_run=_SERVER,
        read_back="The node is unschedulable and no pod that a drain would evict is left on it.",
        risks=(
            "What the pods keep on the node itself (emptyDir) is lost, evidence included.",
            "It cannot be undone: evicted pods do not come back to the node.",
            "It needs the right to evict pods in every namespace, a role of its own that nobody has by default.",
        ),
        refuses=(
            "No other ready node takes pods.",
            "The last ready pod of a workload is there.",
            "A disruption budget does not let its pods go now.",
        ),
    ),
    "forensics/collect": Words(
        does="Copies state, logs, events, image digests and network policies of a Deployment, what the runtime sensor saw of "
        "its processes and the account's CloudTrail into a folder with a manifest of SHA-256 hashes, and into S3.",
        dry_run="The target is read with the executor's rights.",
        read_back="Every file has the hash that the manifest names, and the manifest is complete.",
        risks=(
            "Logs may hold personal data; the folder is readable by the executor's user alone.",
            "Nothing is run inside a container: without a runtime sensor there is no list of processes.",
            "It takes at most seven seconds; what did not come in time is named in the manifest.",
        ),
    ),
}
