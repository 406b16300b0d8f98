"""What each adapter that reads an inventory or evidence may ask of its system, by the adapter's file name.

The forms are those of an action's `permissions`. Data only: the reader's role and policy are generated from it, the
simulated systems enforce it, and a test compares it with the calls that the adapters make.
"""

from collections.abc import Mapping

READS: Mapping[str, tuple[str, ...]] = {
    "kubernetes": (
        "k8s:apps:deployments:list",
        "k8s:apps:replicasets:list",
        "k8s:autoscaling:horizontalpodautoscalers:list",
        "k8s::configmaps:get",
    ),
    "postgresql": ("sql:pg_roles:SELECT", "sql:pg_stat_activity:SELECT"),
    "ecs": ("iam:cloudtrail:LookupEvents", "iam:ecs:DescribeServices", "iam:ecs:ListServices"),
}
