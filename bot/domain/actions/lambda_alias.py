"""Actions on AWS Lambda aliases.

Live fields of `lambda.alias` (scope = region, name = FUNCTION:ALIAS), less those marked * when the executor reads
them: uid = ARN; version = the published version that it points to; weighted = yes where it splits its traffic over
two versions; previous_version* = the newest older published version.
"""

from collections.abc import Mapping

from bot.domain.catalogue import Action, Live, Param, Params
from bot.domain.plan import ActionClass, Target

KINDS: Mapping[str, frozenset[str]] = {"lambda.alias": frozenset({"version", "weighted", "previous_version"})}
ALIAS = r"[A-Za-z0-9_-]{1,64}:[A-Za-z0-9_-]{1,128}"


def _command(target: Target, params: Params) -> tuple[str, ...]:
    function, _, alias = target.name.partition(":")
    return (
        "aws",
        "lambda",
        "update-alias",
        f"--region={target.scope}",
        f"--function-name={function}",
        f"--name={alias}",
        f"--function-version={params['version']}",
    )


def _inverse(live: Live, _params: Params) -> Params | None:
    return {"version": int(live["version"])}


def _refuses(live: Live, _params: Params) -> str:
    if live.get("weighted") != "no":
        return "it splits its traffic over two versions; end that first."
    if not live["version"].isdigit():
        return f"it points to {live['version']}, which is no published version to come back to."
    return ""


SET_ALIAS_VERSION = Action(
    id="lambda/set-alias-version",
    executor="aws",
    target_kind="lambda.alias",
    klass=ActionClass.RISKY,
    params={"version": Param("integer", minimum=1, maximum=1_000_000)},
    command=_command,
    inverse=_inverse,
    expect=("version", "weighted"),
    sets=lambda params: {"version": str(params["version"])},
    settled=lambda live, params: live["version"] == str(params["version"]) and live["weighted"] == "no",
    blast_radius=lambda _live, _params: {"functions": 1},
    permissions=("iam:lambda:GetAlias", "iam:lambda:GetFunctionConfiguration", "iam:lambda:UpdateAlias"),
    refuses=_refuses,
    name_pattern=ALIAS,
)

ACTIONS = (SET_ALIAS_VERSION,)
