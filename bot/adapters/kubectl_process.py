"""One process of kubectl: which binary, as whom, how long. Shared by the reader and the executor; knows no command.

What a refusal or a lost answer means differs between the two, so that each says it itself.
"""

import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from bot.domain.errors import Permanent, WatchkeeperError
from bot.settings import Settings


@dataclass(frozen=True, slots=True)
class KubectlProcess:
    """Where kubectl is and who it is. `home` holds its discovery cache and none of a person's preferences."""

    binary: str
    kubeconfig: Path
    context: str
    namespace: str
    home: Path
    path: str

    @classmethod
    def found(cls, settings: Settings, config: Path | None, whose: str) -> Self:
        """Resolve binary and credentials once, `whose` is reader or executor; raises Permanent naming what is missing."""
        binary = shutil.which(settings.kubectl)
        if binary is None:
            message = f"kubectl {settings.kubectl!r} was not found; set WATCHKEEPER_KUBECTL to its path"
            raise Permanent(message)
        if config is None or not config.is_file():
            wanted = f"WATCHKEEPER_KUBE_{whose.upper()}_CONFIG"
            message = f"the {whose}'s kubeconfig {config} cannot be read; set {wanted}"
            raise Permanent(message)
        home = settings.data_dir / f"{whose}-home"
        home.mkdir(parents=True, exist_ok=True)
        return cls(
            binary=str(Path(binary).resolve()),
            kubeconfig=config.resolve(),
            context=settings.kube_context,
            namespace=settings.kube_namespace,
            home=home.resolve(),
            path=os.environ.get("PATH", os.defpath),
        )

    def fixed(self, timeout_s: int) -> list[str]:
        """The binary and the flags that every call has; `timeout_s` bounds one request."""
        context = [f"--context={self.context}"] if self.context else []
        return [self.binary, f"--kubeconfig={self.kubeconfig}", f"--request-timeout={timeout_s}s", *context]

    def ended(
        self, argv: Sequence[str], *, timeout_s: int, lost: type[WatchkeeperError], stdin: str = ""
    ) -> "subprocess.CompletedProcess[bytes]":
        """The ended process, whatever its exit code, in an empty environment; raises `lost` where it takes too long."""
        try:
            return subprocess.run(
                argv,
                env={"PATH": self.path, "HOME": str(self.home)},
                input=stdin.encode(),
                capture_output=True,
                timeout=timeout_s,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            message = f"kubectl did not answer within {timeout_s} s"
            raise lost(message) from error
        except OSError as error:
            message = f"kubectl cannot be started: {error.strerror}"
            raise Permanent(message) from error
