"""What the binding property draws from: the catalogue's words, and one sound live object of each kind."""

from bot.domain.actions.ec2 import GROUP

# Every word that the catalogue itself may put into a command, with its place for a value.
CONSTANTS = {
    "kubectl",
    "rollout",
    "undo",
    "--",
    "aws",
    "ecs",
    "update-service",
    "forensics",
    "collect",
    "postgresql",
    "alter-role",
    "terminate-backends",
    "ec2",
    "modify-instance-attribute",
    "create-snapshot",
}
NAMED = (
    "--namespace=",
    "deployment/",
    "--cluster=",
    "--service=",
    "--database=",
    "--query-class=",
    "--region=",
    "--instance-id=",
    "--groups=",
    "--volume-id=",
)
NUMBERED = (
    "--to-revision=",
    "--desired-count=",
    "--log-lines=",
    "--connection-limit=",
    "--older-than=",
    "--snapshot-number=",
)
PREFIXES = (*NAMED, *NUMBERED)
# One sound object of each kind beside the two that have their own helpers.
SOUND = {
    "ec2.instance": {
        "uid": "u-1",
        "state": "running",
        "vpc": "vpc-0a1b2c3d",
        "groups": "sg-0a1b2c3d,sg-0a1b2c3e",
        "interfaces": "1",
        "quarantine_group": "sg-0a1b2c3f",
        "protected": "false",
    },
    "ebs.volume": {
        "uid": "u-1",
        "state": "in-use",
        "size_gb": "8",
        "last_snapshot": "2",
        "next_snapshot": "3",
    },
    "postgresql.role": {
        "uid": "u-1",
        "connection_limit": "-1",
        "privileged": "false",
        "own": "false",
        "database_role": "primary",
        "replication_lag_s": "0",
        "connections": "40",
        "open_transactions": "30",
        "classes": "00000000000000ab=12,ffffffffffffffff=1",
        "query_class": "00000000000000ab",
        "query_class_backends": "30",
        "query_class_oldest_s": "12",
    },
}
# Names of the forms that a kind asks for; where a kind is not here, plain ones do.
NAMES = {"ec2.instance": ["i-0a1b2c3d"], "ebs.volume": ["vol-0a1b2c3d"]}
# Identifiers that are no plain names.
IDENTIFIERS = (rf"{GROUP}(,{GROUP})*",)
