"""What the double is started with; read once, frozen, handed in by the command line or a test."""

from dataclasses import dataclass


@dataclass(frozen=True)
class DoubleOptions:
    """Addresses and keys of one double; `request_url` switches from Socket Mode to signed HTTP.

    A `fault_share` of all Web API calls (0 to 1) fails, drawn from `fault_seed`.
    """

    host: str = "127.0.0.1"
    port: int = 8065
    bot_token: str = "xoxb-local"  # noqa: S105 - opens nothing but this double
    app_token: str = "xapp-local"  # noqa: S105 - opens nothing but this double
    signing_secret: str = "local-signing-secret"  # noqa: S105 - opens nothing but this double
    request_url: str | None = None
    controls_url: str | None = None
    state_file: str | None = None
    clock_rate: float = 1.0
    fault_share: float = 0.0
    fault_seed: int = 0

    @property
    def base_url(self) -> str:
        """Address of the double itself, without a slash at the end."""
        return f"http://{self.host}:{self.port}"
