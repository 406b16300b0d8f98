"""Surface: instances that SSM manages, on which the registered documents may be run, without parameters."""

from collections.abc import Mapping, Sequence
from typing import Any

from bot.adapters.executors._aws_call import calling, check_accepted, check_place, check_same
from bot.adapters.ssm_look import KIND, SsmLook
from bot.domain.actions.ssm_documents import KILL_QUERIES, RUN_GC
from bot.domain.catalogue import Action
from bot.domain.errors import Permanent, Refused
from bot.domain.plan import PlannedStep, Target

_SECONDS = 60
_SENT = {RUN_GC.id: "gc_sent_at", KILL_QUERIES.id: "kill_sent_at"}


class ManagedInstances:
    """`Surface` over instances with an SSM agent."""

    kind = KIND
    actions: Sequence[Action] = (KILL_QUERIES, RUN_GC)

    def __init__(self, ssm: Any, look: SsmLook, region: str) -> None:
        self._ssm = ssm
        self._look = look
        self._region = region

    def read(self, target: Target) -> Mapping[str, str]:
        check_place(target, self._region)
        with calling(writes=False):
            found = self._look.managed("InstanceIds", target.name)
            if not found:
                message = f"SSM does not manage instance {target.name}"
                raise Permanent(message)
            return self._look.live(found[0])

    def dry_run(self, step: PlannedStep) -> None:
        """SSM has no dry run; these are the identity, the registered document and that nobody ran it meanwhile."""
        live = self.read(step.target)
        check_same(live, step.target)
        check_accepted(next(one for one in self.actions if one.id == step.action), live, step)
        if int(live[_SENT[step.action]]) > int(step.params["after"]):
            message = f"the document was sent to {step.target.name} by somebody else meanwhile"
            raise Refused(message, rule="run_meanwhile")

    def call(self, step: PlannedStep, *, token: str) -> str:
        self.dry_run(step)
        with calling(writes=True):
            answer = self._ssm.send_command(
                InstanceIds=[step.target.name],
                DocumentName=str(step.params["document"]),
                TimeoutSeconds=_SECONDS,
                Comment=f"watchkeeper {token[:16]}",
            )
        return f"command {answer['Command']['CommandId']} was sent to {step.target.name}"
