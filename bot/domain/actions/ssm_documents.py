"""Running a registered SSM document on an instance: a JVM's garbage collection, or the end of runaway queries.

Live fields of `ssm.instance` (scope = region, name and uid = its id): ping; platform; gc_document, kill_document =
the documents that operators registered for these two purposes, absent where none is; gc_sent_at, kill_sent_at = unix
seconds at which it was last sent there; gc_done_at, kill_done_at = the same, of the last one that succeeded. A
document takes no parameters from us: what it does is fixed by whoever wrote it.
"""

from collections.abc import Mapping

from bot.domain.catalogue import Action, Live, Param, Params
from bot.domain.plan import ActionClass, Target

KINDS: Mapping[str, frozenset[str]] = {
    "ssm.instance": frozenset(
        {"ping", "platform", "gc_document", "gc_sent_at", "gc_done_at"}
        | {"kill_document", "kill_sent_at", "kill_done_at"}
    )
}
DOCUMENT = r"[A-Za-z0-9_.-]{3,128}"
_INSTANCE = r"m?i-[0-9a-f]{8,17}"


def _command(target: Target, params: Params) -> tuple[str, ...]:
    return (
        "aws", "ssm", "send-command", f"--region={target.scope}", f"--instance-ids={target.name}",
        f"--document-name={params['document']}", f"--if-not-run-after={params['after']}",
    )  # fmt: skip


def _action(action_id: str, field: str, klass: ActionClass, *, transient: bool) -> Action:
    def refuses(live: Live, params: Params) -> str:
        if params["document"] != live.get(f"{field}_document"):
            return "that document is not the one registered for this."
        if live["ping"] != "Online":
            return f"its SSM agent is {live['ping']}."
        return ""

    return Action(
        id=action_id,
        executor="aws",
        target_kind="ssm.instance",
        klass=klass,
        # Absolute: run later than the last known run, so that a second call of the same plan is seen to be one.
        params={
            "document": Param("name", pattern=DOCUMENT),
            "after": Param("name", pattern=r"[0-9]{1,12}"),
        },
        command=_command,
        inverse=lambda _live, _params: None,
        expect=(f"{field}_sent_at",),
        sets=lambda _params: {},
        settled=lambda live, params: int(live[f"{field}_done_at"]) > int(params["after"]),
        blast_radius=lambda _live, _params: {"instances": 1},
        permissions=(
            "iam:ssm:DescribeInstanceInformation",
            "iam:ssm:GetCommandInvocation",
            "iam:ssm:ListCommands",
            "iam:ssm:SendCommand",
        ),
        transient=transient,
        refuses=refuses,
        name_pattern=_INSTANCE,
    )


RUN_GC = _action("ssm/run-gc-document", "gc", ActionClass.SAFE, transient=True)
KILL_QUERIES = _action("ssm/run-kill-queries-document", "kill", ActionClass.RISKY, transient=False)

ACTIONS = (KILL_QUERIES, RUN_GC)
