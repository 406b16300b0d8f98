"""What the surfaces of the kubectl executor share: the server's own dry run, and the call itself."""

from bot.adapters.executors._kubectl_call import KubectlCall
from bot.domain.plan import PlannedStep

_MOST_SAID = 200


class KubectlSurface:
    """Base of the `Surface`s over kubectl; `check` is where one looks at what the server does not."""

    def __init__(self, kubectl: KubectlCall) -> None:
        self._kubectl = kubectl

    def check(self, step: PlannedStep) -> None:
        """Raise Refused or Permanent for what the server would let pass."""
        self._kubectl.inside(step.target)

    def dry_run(self, step: PlannedStep) -> None:
        self.check(step)
        self._kubectl.run(step.command, "--dry-run=server", stdin=step.stdin)

    def call(self, step: PlannedStep, *, token: str) -> str:
        said = self._kubectl.run(step.command, stdin=step.stdin, writes=True)
        return " ".join(said.split())[:_MOST_SAID]
