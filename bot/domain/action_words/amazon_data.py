"""Words of the actions on RDS, WAF and by SSM documents."""

from collections.abc import Mapping

from bot.domain.action_words.words import Words

_NO_DRY_RUN = "AWS has none for this call; the executor makes the checks itself, with reads alone."
_NOT_SAFE_NOW = (
    "The instance is not available.",
    "Replication lag or open transactions cannot be read, or are above what the action allows.",
)
_SSM_REFUSES = (
    "The document is not the one that operators registered for this.",
    "The SSM agent is not online.",
)
_SSM_DRY_RUN = f"{_NO_DRY_RUN} The document must be registered and the agent online."
_SSM_READ_BACK = "A command with that document, sent after the approval, has succeeded on the instance."
_SSM_RISK = "What happens is what the document's author wrote; no parameter is passed to it."

WORDS: Mapping[str, Words] = {
    "rds/set-storage": Words(
        does="Raises the allocated storage of an RDS instance, at once.",
        dry_run=_NO_DRY_RUN,
        read_back="The ordered storage is the approved one; the instance optimises it for hours while it serves.",
        risks=(
            "It cannot be undone: RDS cannot shrink a disk, and its cost stays.",
            "Storage can be changed again only after six hours.",
        ),
        refuses=("The new size is not at least a tenth above the present one.", *_NOT_SAFE_NOW),
    ),
    "rds/add-read-replica": Words(
        does="Adds a numbered read replica to an RDS primary.",
        dry_run=_NO_DRY_RUN,
        read_back="The replica is on the primary's list; it serves many minutes later.",
        risks=(
            "Its first copy reads from the primary.",
            "Clients do not use it by themselves, and it costs until a person deletes it.",
        ),
        refuses=(
            "The instance is a replica itself.",
            "A replica of that number is there already.",
            *_NOT_SAFE_NOW,
        ),
    ),
    "rds/reboot": Words(
        does="Restarts an RDS instance.",
        dry_run=_NO_DRY_RUN,
        read_back="The instance was restarted after the time that the plan names, and is available.",
        risks=(
            "Every connection is cut and every open transaction is rolled back.",
            "Recovery after the restart takes as long as the engine needs.",
        ),
        refuses=_NOT_SAFE_NOW,
    ),
    "rds/failover": Words(
        does="Fails an RDS primary over to its standby in the named availability zone.",
        dry_run=_NO_DRY_RUN,
        read_back="The instance is available and lies in the approved zone.",
        risks=(
            "Every connection is cut; clients that keep old addresses must look the name up again.",
            "Transactions that are open are rolled back.",
        ),
        refuses=("The instance is a replica.", "It has no standby in that zone.", *_NOT_SAFE_NOW),
    ),
    "waf/block-address": Words(
        does="Puts one single address into the WAF IP set that operators registered for blocking, or takes it out again.",
        dry_run=_NO_DRY_RUN,
        read_back="The set holds the address, or does not.",
        risks=(
            "Many people may share one address behind a proxy or a mobile network.",
            "An attacker can change addresses faster than they are blocked.",
        ),
        refuses=("The address lies in a range that is never to be blocked, or is none that may be blocked.",),
    ),
    "ssm/run-gc-document": Words(
        does="Runs the SSM document that operators registered for garbage collection on an instance.",
        dry_run=_SSM_DRY_RUN,
        read_back=_SSM_READ_BACK,
        risks=(_SSM_RISK, "The JVM pauses while it collects, and what leaks fills the heap again."),
        refuses=_SSM_REFUSES,
    ),
    "ssm/run-kill-queries-document": Words(
        does="Runs the SSM document that operators registered for ending runaway queries on an instance.",
        dry_run=_SSM_DRY_RUN,
        read_back=_SSM_READ_BACK,
        risks=(
            _SSM_RISK,
            "Ended queries roll their transactions back; the client may send them again at once.",
        ),
        refuses=_SSM_REFUSES,
    ),
}
