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
        "k8s::configmaps:list",
        "k8s::pods:list",
        "k8s::services:list",
        "k8s:networking.k8s.io:networkpolicies:list",
        "k8s::namespaces:get",
        "k8s::namespaces:list",
        "k8s::nodes:get",
        "k8s::nodes:list",
        "k8s-wide::pods:list",
        "k8s-wide:policy:poddisruptionbudgets:list",
    ),
    "cluster_state": (
        "k8s:apps:daemonsets:list",
        "k8s:apps:deployments:list",
        "k8s:apps:replicasets:list",
        "k8s:apps:statefulsets:list",
        "k8s::endpoints:list",
        "k8s::events:list",
        "k8s::persistentvolumeclaims:list",
        "k8s::pods:list",
        "k8s::resourcequotas:list",
        "k8s::services:list",
        "k8s:networking.k8s.io:ingresses:list",
        "k8s:networking.k8s.io:networkpolicies:list",
        "k8s::nodes:list",
        "k8s::persistentvolumes:list",
        "k8s:storage.k8s.io:storageclasses:list",
    ),
    "ec2": ("iam:ec2:DescribeInstances", "iam:ec2:DescribeSnapshots", "iam:ec2:DescribeVolumes"),
    "rds": (
        "iam:cloudwatch:GetMetricStatistics",
        "iam:rds:DescribeDBInstances",
        "iam:rds:DescribeEvents",
    ),
    "rds_health": (
        "iam:cloudwatch:GetMetricData",
        "iam:pi:DescribeDimensionKeys",
        "iam:pi:GetResourceMetrics",
        "iam:rds:DescribeDBInstances",
        "iam:rds:DescribeDBParameters",
        "iam:rds:DescribeEvents",
    ),
    "ssm": (
        "iam:ssm:DescribeInstanceInformation",
        "iam:ssm:GetCommandInvocation",
        "iam:ssm:ListCommands",
    ),
    "waf": ("iam:wafv2:GetIPSet", "iam:wafv2:GetSampledRequests"),
    "postgresql": ("sql:pg_roles:SELECT", "sql:pg_stat_activity:SELECT"),
    "ecs": (
        "iam:cloudtrail:LookupEvents",
        "iam:ecs:DescribeServices",
        "iam:ecs:ListServices",
        "iam:ecs:ListTaskDefinitions",
    ),
    "aws_resources": (
        "iam:appconfig:GetDeployment",
        "iam:appconfig:ListApplications",
        "iam:appconfig:ListConfigurationProfiles",
        "iam:appconfig:ListDeployments",
        "iam:appconfig:ListEnvironments",
        "iam:autoscaling:DescribeAutoScalingGroups",
        "iam:cloudtrail:LookupEvents",
        "iam:elasticloadbalancing:DescribeListeners",
        "iam:elasticloadbalancing:DescribeLoadBalancers",
        "iam:elasticloadbalancing:DescribeRules",
        "iam:elasticloadbalancing:DescribeTags",
        "iam:elasticloadbalancing:DescribeTargetHealth",
        "iam:lambda:ListAliases",
        "iam:lambda:ListVersionsByFunction",
        "iam:ssm:DescribeParameters",
    ),
}
