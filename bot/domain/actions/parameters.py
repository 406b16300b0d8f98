"""Actions on SSM parameters.

Live fields of `ssm.parameter` (scope = region), less those marked * when the executor reads them: uid = ARN;
version (number); type; changed_at = unix seconds of the last change; previous_version* = the version before. The
executor, which alone may read values, adds holds_N = yes for each version N whose value is the live one. The value
itself stands nowhere: a plan names a version, and the executor copies that version's value within one call.
"""

from collections.abc import Mapping

from bot.domain.catalogue import Action, Live, Param, Params
from bot.domain.live_parameter import holds
from bot.domain.plan import ActionClass, Target

KINDS: Mapping[str, frozenset[str]] = {
    "ssm.parameter": frozenset({"version", "type", "changed_at", "previous_version"})
}
PARAMETER = r"/[A-Za-z0-9_.-]{1,100}(?:/[A-Za-z0-9_.-]{1,100}){0,9}"
# A value that is encrypted is a secret; restoring it is its owner's work.
_PLAIN = ("String", "StringList")


def _command(target: Target, params: Params) -> tuple[str, ...]:
    place = (f"--region={target.scope}", f"--name={target.name}")
    return (
        "aws",
        "ssm",
        "put-parameter",
        *place,
        f"--value-of-version={params['to_version']}",
        "--overwrite",
    )


def _inverse(live: Live, _params: Params) -> Params | None:
    return {"to_version": int(live["version"])}


def _refuses(live: Live, _params: Params) -> str:
    if live["type"] not in _PLAIN:
        return f"it is a {live['type']}; encrypted values are not restored by this tool."
    return ""


RESTORE_PARAMETER = Action(
    id="ssm/restore-parameter",
    executor="aws",
    target_kind="ssm.parameter",
    klass=ActionClass.RISKY,
    params={"to_version": Param("integer", minimum=1, maximum=1_000_000)},
    command=_command,
    inverse=_inverse,
    expect=("version", "type"),
    sets=lambda params: {holds(int(params["to_version"])): "yes"},
    settled=lambda live, params: live.get(holds(int(params["to_version"]))) == "yes",
    blast_radius=lambda _live, _params: {"parameters": 1},
    permissions=("iam:ssm:DescribeParameters", "iam:ssm:GetParameterHistory", "iam:ssm:PutParameter"),
    refuses=_refuses,
    name_pattern=PARAMETER,
)

ACTIONS = (RESTORE_PARAMETER,)
