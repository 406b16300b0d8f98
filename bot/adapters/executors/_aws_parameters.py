"""Surface: SSM parameters of one region. A value goes from one version to the newest within `call`, nowhere else."""

from collections.abc import Mapping, Sequence
from typing import Any

from bot.adapters.executors._aws_call import calling, check_accepted, check_place, check_same
from bot.domain.actions.parameters import RESTORE_PARAMETER
from bot.domain.catalogue import Action
from bot.domain.errors import Permanent, Refused
from bot.domain.live_parameter import held, live_parameter
from bot.domain.plan import PlannedStep, Target

# AWS keeps 100 versions and gives 50 at once.
_MOST_PAGES = 4


class Parameters:
    """`Surface` over parameters."""

    kind = "ssm.parameter"
    actions: Sequence[Action] = (RESTORE_PARAMETER,)

    def __init__(self, ssm: Any, region: str) -> None:
        self._ssm = ssm
        self._region = region

    def read(self, target: Target) -> Mapping[str, str]:
        live, history = self._seen(target)
        return {**live, **held(history, int(live["version"]))}

    def dry_run(self, step: PlannedStep) -> None:
        """SSM has no dry run; these are its checks and ours."""
        self._value(step)

    def call(self, step: PlannedStep, *, token: str) -> str:
        value, kind = self._value(step)
        with calling(writes=True):
            answer = self._ssm.put_parameter(Name=step.target.name, Value=value, Type=kind, Overwrite=True)
        made = answer["Version"]
        return f"{step.target.name} holds the value of version {step.params['to_version']} again, as version {made}"

    def _value(self, step: PlannedStep) -> tuple[str, str]:
        live, history = self._seen(step.target)
        check_same(live, step.target)
        check_accepted(RESTORE_PARAMETER, live, step)
        wanted = next((one for one in history if one["Version"] == step.params["to_version"]), None)
        if wanted is None:
            message = (
                f"version {step.params['to_version']} of {step.target.name} is not in its history any more"
            )
            raise Refused(message, rule="version_gone")
        if wanted["Type"] != live["type"]:
            message = f"version {step.params['to_version']} of {step.target.name} was a {wanted['Type']}"
            raise Refused(message, rule="type_changed")
        return wanted["Value"], wanted["Type"]

    def _seen(self, target: Target) -> tuple[dict[str, str], list[Mapping[str, Any]]]:
        check_place(target, self._region)
        wanted = {"Key": "Name", "Option": "Equals", "Values": [target.name]}
        with calling(writes=False):
            found = self._ssm.describe_parameters(ParameterFilters=[wanted])["Parameters"]
            if not found:
                message = f"SSM parameter {target.name} does not exist"
                raise Permanent(message)
            live = live_parameter(found[0])
            if live["type"] == "SecureString":
                return live, []  # Not even read.
            return live, self._history(target.name)

    def _history(self, name: str) -> list[Mapping[str, Any]]:
        history: list[Mapping[str, Any]] = []
        more: dict[str, str] = {}
        for _page in range(_MOST_PAGES):
            answer = self._ssm.get_parameter_history(Name=name, WithDecryption=False, **more)
            history += answer["Parameters"]
            if not answer.get("NextToken"):
                break
            more = {"NextToken": answer["NextToken"]}
        return history
