"""Words of the actions on AWS."""

from collections.abc import Mapping

from bot.domain.action_words.words import Words

_NO_DRY_RUN = "AWS has none for this call; the executor makes the checks itself, with reads alone."

WORDS: Mapping[str, Words] = {
    "ecs/set-desired-count": Words(
        takes="of the tasks",
        does="Sets the desired task count of an ECS service.",
        dry_run=_NO_DRY_RUN,
        read_back="The service's desired count is the approved one; running tasks are verified by the plan's checks.",
        risks=(
            "More tasks may exhaust the connections of a database behind them.",
            "An Application Auto Scaling policy may set another count later.",
        ),
    ),
    "ecs/set-task-definition": Words(
        does="Deploys another revision of the same task definition family to an ECS service.",
        dry_run=f"{_NO_DRY_RUN} The revision must exist and be active.",
        read_back="The service names the revision and its deployment is completed.",
        risks=(
            "The older version may not understand data that the newer one has written.",
            "What the task definition only refers to (a secret, a parameter) stays as it is.",
        ),
        refuses=(
            "Deployments belong to CodeDeploy or an external controller.",
            "The revision is of another family.",
        ),
    ),
    "lambda/set-alias-version": Words(
        does="Points a Lambda alias to another published version.",
        dry_run=f"{_NO_DRY_RUN} The version must exist and be active.",
        read_back="The alias names the version and splits no traffic.",
        risks=("Callers that name the function without the alias are not affected.",),
        refuses=(
            "The alias splits its traffic over two versions.",
            "It points to no published version to come back to.",
        ),
    ),
    "ssm/restore-parameter": Words(
        does="Writes the value of an older version of a plain SSM parameter as its newest version; the value itself "
        "stands in no plan, log or message.",
        dry_run=f"{_NO_DRY_RUN} The older version must exist.",
        read_back="The live value equals that of the version.",
        risks=(
            "Programs that read the parameter only at their start keep the old value until they are restarted.",
        ),
        refuses=("The parameter is encrypted (SecureString).",),
    ),
    "appconfig/start-deployment": Words(
        does="Deploys an older hosted version of an AppConfig configuration, feature flags included, at once.",
        dry_run=f"{_NO_DRY_RUN} The version and the deployment strategy must exist.",
        read_back="The newest deployment is complete and serves the version.",
        risks=("Clients take the version over at their next poll, not at the call.",),
        refuses=(
            "A deployment is under way.",
            "The strategy is not the one of WATCHKEEPER_APPCONFIG_STRATEGY.",
        ),
    ),
    "autoscaling/set-desired-capacity": Words(
        takes="of the instances",
        does="Sets the desired capacity of an Auto Scaling group, within the group's own bounds.",
        dry_run=_NO_DRY_RUN,
        read_back="The desired capacity is the approved one; the instances are verified by the plan's checks.",
        risks=("With a lower capacity the group itself chooses which instances it ends.",),
        refuses=(
            "The capacity is outside the group's own bounds.",
            "The group is being deleted.",
            "Launching instances is suspended.",
        ),
    ),
    "elbv2/set-weights": Words(
        takes="of the traffic that fits before one group is full, by the healthy targets of that moment",
        does="Sets the weights with which a listener rule forwards to its two target groups.",
        dry_run=_NO_DRY_RUN,
        read_back="Both weights are the approved ones.",
        risks=("Sessions that are bound to a target group may move to the other one.",),
        refuses=(
            "The rule does not forward to exactly these two groups.",
            "The weights do not sum to 100, or the present ones do not.",
            "A group without a healthy target would get more traffic, or the only healthy one none.",
        ),
    ),
    "ec2/isolate-instance": Words(
        does="Replaces the security groups of an EC2 instance by the quarantine group that operators registered for its "
        "VPC; back again, by those that it had.",
        dry_run="EC2 itself tries the call with DryRun, after the executor's own checks.",
        read_back="The instance has exactly the approved security groups.",
        risks=(
            "The instance serves nobody any more; replace it first where its service must be kept.",
            "Connections that are tracked already may live on until they are closed.",
        ),
        refuses=(
            "The instance is protected: it carries Watchkeeper's or the operators' own path.",
            "It is neither running nor stopped, or has not exactly one network interface.",
            "No quarantine group is registered for its VPC, or another group is asked for.",
        ),
    ),
    "ec2/snapshot-volume": Words(
        does="Takes a numbered snapshot of an EBS volume, as evidence.",
        dry_run="EC2 itself tries the call with DryRun, after the executor's own checks.",
        read_back="A snapshot of that number, taken by Watchkeeper, exists.",
        risks=("It is kept, and paid for, until somebody deletes it.",),
        refuses=(
            "The volume is neither in use nor available.",
            "A snapshot of that number was taken already.",
        ),
    ),
}
