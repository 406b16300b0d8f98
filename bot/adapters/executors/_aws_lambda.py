"""Surface: Lambda aliases of one region."""

from collections.abc import Mapping, Sequence
from typing import Any

from bot.adapters.executors._aws_call import calling, check_accepted, check_place, check_same
from bot.domain.actions.lambda_alias import SET_ALIAS_VERSION
from bot.domain.catalogue import Action
from bot.domain.errors import Refused
from bot.domain.live_alias import live_alias
from bot.domain.plan import PlannedStep, Target

_RUNNABLE = ("Active", "Inactive")


class LambdaAliases:
    """`Surface` over aliases."""

    kind = "lambda.alias"
    actions: Sequence[Action] = (SET_ALIAS_VERSION,)

    def __init__(self, functions: Any, region: str) -> None:
        self._functions = functions
        self._region = region

    def read(self, target: Target) -> Mapping[str, str]:
        return live_alias(self._alias(target))

    def dry_run(self, step: PlannedStep) -> None:
        """Lambda has no dry run; these are its checks and ours."""
        self._checked(step)

    def call(self, step: PlannedStep, *, token: str) -> str:
        alias = self._checked(step)
        function, _, name = step.target.name.partition(":")
        with calling(writes=True):
            answer = self._functions.update_alias(
                FunctionName=function,
                Name=name,
                FunctionVersion=str(step.params["version"]),
                RevisionId=alias["RevisionId"],
            )
        return f"{step.target.name} now points to version {answer['FunctionVersion']}"

    def _checked(self, step: PlannedStep) -> Mapping[str, Any]:
        alias = self._alias(step.target)
        live = live_alias(alias)
        check_same(live, step.target)
        check_accepted(SET_ALIAS_VERSION, live, step)
        self._runnable(step.target.name.partition(":")[0], str(step.params["version"]))
        return alias

    def _runnable(self, function: str, version: str) -> None:
        with calling(writes=False):
            found = self._functions.get_function_configuration(FunctionName=function, Qualifier=version)
        state = found.get("State", "Active")
        if found["Version"] != version or state not in _RUNNABLE:
            message = f"version {version} of {function} is {state}"
            raise Refused(message, rule="version_not_runnable")

    def _alias(self, target: Target) -> Mapping[str, Any]:
        check_place(target, self._region)
        function, _, name = target.name.partition(":")
        with calling(writes=False):
            alias: Mapping[str, Any] = self._functions.get_alias(FunctionName=function, Name=name)
        return alias
