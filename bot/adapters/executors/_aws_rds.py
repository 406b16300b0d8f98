"""Surface: RDS instances of one region. Whatever it does to one, role, lag and transactions are read right before."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bot.adapters.executors._aws_call import calling, check_accepted, check_place, check_same
from bot.adapters.rds_look import KIND, RdsLook
from bot.domain.actions.rds import ADD_READ_REPLICA, FAIL_OVER, REBOOT, SET_STORAGE
from bot.domain.catalogue import Action
from bot.domain.errors import Permanent, Refused
from bot.domain.live_db import replica_name
from bot.domain.plan import PlannedStep, Target


class DbInstances:
    """`Surface` over RDS instances."""

    kind = KIND
    actions: Sequence[Action] = (ADD_READ_REPLICA, FAIL_OVER, REBOOT, SET_STORAGE)

    def __init__(self, rds: Any, look: RdsLook, region: str) -> None:
        self._rds = rds
        self._look = look
        self._region = region
        self._does: Mapping[str, Callable[[PlannedStep], str]] = {
            ADD_READ_REPLICA.id: self._add_replica,
            FAIL_OVER.id: self._fail_over,
            REBOOT.id: self._reboot,
            SET_STORAGE.id: self._set_storage,
        }

    def read(self, target: Target) -> Mapping[str, str]:
        check_place(target, self._region)
        with calling(writes=False):
            found = self._look.named(target.name)
            if found is None:
                message = f"RDS instance {target.name} does not exist"
                raise Permanent(message)
            return self._look.live(found)

    def dry_run(self, step: PlannedStep) -> None:
        """RDS has no dry run; these are the identity and the action's own precondition, read anew."""
        live = self.read(step.target)
        check_same(live, step.target)
        check_accepted(next(one for one in self.actions if one.id == step.action), live, step)
        if step.action == REBOOT.id and int(live["restarted_at"]) > int(step.params["after"]):
            message = f"{step.target.name} was restarted by somebody else meanwhile"
            raise Refused(message, rule="restarted")

    def call(self, step: PlannedStep, *, token: str) -> str:
        self.dry_run(step)
        with calling(writes=True):
            return self._does[step.action](step)

    def _set_storage(self, step: PlannedStep) -> str:
        gigabytes = int(step.params["gigabytes"])
        self._rds.modify_db_instance(
            DBInstanceIdentifier=step.target.name, AllocatedStorage=gigabytes, ApplyImmediately=True
        )
        return f"{step.target.name} grows to {gigabytes} GB"

    def _add_replica(self, step: PlannedStep) -> str:
        name = replica_name(step.target.name, int(step.params["number"]))
        self._rds.create_db_instance_read_replica(
            DBInstanceIdentifier=name,
            SourceDBInstanceIdentifier=step.target.name,
            PubliclyAccessible=False,
            CopyTagsToSnapshot=True,
        )
        return f"read replica {name} is being made"

    def _reboot(self, step: PlannedStep) -> str:
        self._rds.reboot_db_instance(DBInstanceIdentifier=step.target.name, ForceFailover=False)
        return f"{step.target.name} restarts"

    def _fail_over(self, step: PlannedStep) -> str:
        self._rds.reboot_db_instance(DBInstanceIdentifier=step.target.name, ForceFailover=True)
        return f"{step.target.name} fails over to {step.params['zone']}"
