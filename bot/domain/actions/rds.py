"""Actions on RDS instances; each reads role, replication lag and open transactions first, and refuses what it cannot.

Live fields of `rds.instance` (scope = region): uid = DbiResourceId; status; engine; db_class; storage_gb (what is
ordered); role = primary or replica; replicas = names of its replicas, with commas; next_replica (number);
replication_lag_s = of the slowest replica, or its own where it is one, absent where one is unknown; open_transactions,
absent where the database is not declared to be looked into; restarted_at = unix seconds of the last restart, 0
without one; zone, standby_zone = availability zones, the latter absent without a standby; unit_price = of one more
instance of its class, storage_price = of one gigabyte (domain/price).
"""

from collections.abc import Mapping

from bot.domain.catalogue import Action, Live, Param, Params
from bot.domain.live_db import replica_name
from bot.domain.plan import ActionClass, Target
from bot.domain.price import PRICE, added_cost

KINDS: Mapping[str, frozenset[str]] = {
    "rds.instance": frozenset(
        {
            "status",
            "engine",
            "db_class",
            "storage_gb",
            "role",
            "replicas",
            "next_replica",
            "replication_lag_s",
        }
        | {"open_transactions", "restarted_at", "zone", "standby_zone", "unit_price", "storage_price"}
    )
}
_NAME = r"[a-z][a-z0-9-]{0,57}"
_ZONE = r"[a-z0-9-]{4,30}"
_READS = (
    "iam:rds:DescribeDBInstances",
    "iam:rds:DescribeEvents",
    "iam:cloudwatch:GetMetricStatistics",
)


def _busy(live: Live, *, lag_s: int, transactions: int) -> str:
    """The precondition that all of them share: available, replication close behind, few open transactions, all known."""
    if live["status"] != "available":
        return f"it is {live['status']}."
    if "replication_lag_s" not in live:
        return "its replication lag cannot be read, so that nothing is done to it."
    if "open_transactions" not in live:
        return "its open transactions cannot be read; declare the database to be looked into."
    if int(live["replication_lag_s"]) > lag_s:
        return f"replication is {live['replication_lag_s']} s behind; {lag_s} s are allowed."
    if int(live["open_transactions"]) > transactions:
        return f"{live['open_transactions']} transactions are open; {transactions} are allowed."
    return ""


def _command(target: Target, verb: str, *flags: str) -> tuple[str, ...]:
    place = (f"--region={target.scope}", f"--db-instance-identifier={target.name}")
    return ("aws", "rds", verb, *place, *flags)


def _storage_refuses(live: Live, params: Params) -> str:
    now, wanted = int(live["storage_gb"]), int(params["gigabytes"])
    if wanted * 10 < now * 11:
        return f"storage only grows, by a tenth at least: it has {now} GB."
    return _busy(live, lag_s=60, transactions=500)


SET_STORAGE = Action(
    id="rds/set-storage",
    executor="aws",
    target_kind="rds.instance",
    klass=ActionClass.RISKY,
    params={"gigabytes": Param("integer", minimum=20, maximum=16_384)},
    command=lambda target, params: _command(
        target, "modify-db-instance", f"--allocated-storage={params['gigabytes']}", "--apply-immediately"
    ),
    # RDS cannot shrink a disk.
    inverse=lambda _live, _params: None,
    expect=("storage_gb",),
    sets=lambda params: {"storage_gb": str(params["gigabytes"])},
    settled=lambda live, params: live["storage_gb"] == str(params["gigabytes"]),
    blast_radius=lambda live, params: {
        "databases": 1,
        **added_cost(
            {PRICE: live.get("storage_price", "0")}, int(params["gigabytes"]) - int(live["storage_gb"])
        ),
    },
    permissions=(*_READS, "iam:rds:ModifyDBInstance"),
    refuses=_storage_refuses,
    name_pattern=_NAME,
)


def _replica_refuses(live: Live, params: Params) -> str:
    if live["role"] != "primary":
        return "it is a replica; replicas are made of the primary."
    if int(params["number"]) < int(live["next_replica"]):
        return "a replica of that number is there already."
    return _busy(live, lag_s=30, transactions=500)


def _has_replica(live: Live, params: Params) -> bool:
    # The new instance takes many minutes until it serves; that it is on its way is what the call can show.
    return any(one.endswith(replica_name("", int(params["number"]))) for one in live["replicas"].split(","))


ADD_READ_REPLICA = Action(
    id="rds/add-read-replica",
    executor="aws",
    target_kind="rds.instance",
    klass=ActionClass.RISKY,
    params={"number": Param("integer", minimum=1, maximum=15)},
    command=lambda target, params: (
        "aws", "rds", "create-db-instance-read-replica", f"--region={target.scope}",
        f"--source-db-instance-identifier={target.name}",
        f"--db-instance-identifier={replica_name(target.name, int(params['number']))}",
    ),
    # Its inverse would delete a database; a person does that.
    inverse=lambda _live, _params: None,
    expect=("next_replica", "db_class"),
    sets=lambda params: {"next_replica": str(int(params["number"]) + 1)},
    settled=_has_replica,
    blast_radius=lambda live, _params: {"databases": 1, **added_cost(live, 1)},
    permissions=(*_READS, "iam:rds:CreateDBInstanceReadReplica"),
    refuses=_replica_refuses,
    name_pattern=_NAME,
)  # fmt: skip


def _restarted(live: Live, params: Params) -> bool:
    return int(live["restarted_at"]) > int(params["after"]) and live["status"] == "available"


REBOOT = Action(
    id="rds/reboot",
    executor="aws",
    target_kind="rds.instance",
    klass=ActionClass.DESTRUCTIVE,
    # Absolute: restarted later than the last known restart, so that a second call of the same plan is seen to be one.
    params={"after": Param("name", pattern=r"[0-9]{1,12}")},
    command=lambda target, params: _command(
        target, "reboot-db-instance", f"--if-not-restarted-after={params['after']}"
    ),
    inverse=lambda _live, _params: None,
    expect=("restarted_at", "status"),
    sets=lambda _params: {},
    settled=_restarted,
    blast_radius=lambda _live, _params: {"databases": 1},
    permissions=(*_READS, "iam:rds:RebootDBInstance"),
    refuses=lambda live, _params: _busy(live, lag_s=5, transactions=10),
    name_pattern=_NAME,
)


def _failover_refuses(live: Live, params: Params) -> str:
    if live["role"] != "primary":
        return "it is a replica; there is nothing to fail over."
    if live.get("standby_zone") != params["zone"]:
        return "it has no standby in that zone."
    return _busy(live, lag_s=5, transactions=10)


FAIL_OVER = Action(
    id="rds/failover",
    executor="aws",
    target_kind="rds.instance",
    klass=ActionClass.DESTRUCTIVE,
    params={"zone": Param("name", pattern=_ZONE)},
    command=lambda target, params: _command(
        target, "reboot-db-instance", "--force-failover", f"--to-zone={params['zone']}"
    ),
    inverse=lambda _live, _params: None,
    expect=("zone", "status"),
    sets=lambda params: {"zone": str(params["zone"])},
    settled=lambda live, params: live["zone"] == params["zone"] and live["status"] == "available",
    blast_radius=lambda _live, _params: {"databases": 1},
    permissions=(*_READS, "iam:rds:RebootDBInstance"),
    refuses=_failover_refuses,
    name_pattern=_NAME,
)

ACTIONS = (ADD_READ_REPLICA, FAIL_OVER, REBOOT, SET_STORAGE)
