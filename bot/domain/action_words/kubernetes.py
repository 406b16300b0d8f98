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
        does="Sets the least and the greatest number of pods of a HorizontalPodAutoscaler.",
        dry_run=_SERVER,
        read_back="Both bounds are the approved ones.",
        risks=(
            "A higher upper bound lets the bill and the load on what lies behind grow without another question.",
        ),
        refuses=("The lower bound would be above the upper one.",),
    ),
    "forensics/collect": Words(
        does="Copies state, events, descriptions and logs of a Deployment and its pods into a folder with a manifest of "
        "SHA-256 hashes.",
        dry_run="The target is read with the executor's rights.",
        read_back="Every file has the hash that the manifest names, and the manifest is complete.",
        risks=("Logs may hold personal data; the folder is readable by the executor's user alone.",),
    ),
}
