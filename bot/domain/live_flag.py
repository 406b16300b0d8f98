"""Live fields of a declared feature flag, from the API's own ConfigMap; reader and executor must agree on them."""

from collections.abc import Mapping
from typing import Any

from bot.domain.actions.kubernetes_flag import FLAG, OFF, ROLE
from bot.domain.errors import Permanent
from bot.domain.kube_patch import ROLE_LABEL


def live_flag(config: Mapping[str, Any]) -> dict[str, str]:
    """The fields that `domain/actions` names for k8s.flag; raises Permanent where no flag is declared."""
    meta = config["metadata"]
    flag = (meta.get("annotations") or {}).get(FLAG, "")
    if (meta.get("labels") or {}).get(ROLE_LABEL) != ROLE or not flag:
        message = f"ConfigMap {meta['name']} declares no feature flag"
        raise Permanent(message)
    value = str((config.get("data") or {}).get(flag, ""))
    return {"uid": meta["uid"], "flag": flag, "value": value, "off": OFF.get(value, "")}
