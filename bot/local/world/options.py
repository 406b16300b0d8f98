"""What the simulated world is started with: ports, addresses and pace. No settings are read from the environment."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class WorldOptions:
    """Start parameters; every port is on 127.0.0.1. `time_scale` 2.0 makes rollouts and recoveries twice as fast.

    `sql_reader` and `sql_executor` are the passwords of the product's two roles in the shared database.
    Scenarios that have one begin `early_s` before their storm's alerts are sent, while no threshold is crossed yet.
    A `fault_share` of the product's calls to cluster, AWS and telemetry (0 to 1) fails, drawn from `fault_seed`.
    Without `management_port` no service has a management door; without `sensor_url` the runtime sensor tells nobody.
    """

    control_port: int
    telemetry_port: int
    cluster_port: int
    aws_port: int
    alert_url: str
    alert_token: str
    data_dir: Path
    management_port: int = 0
    database_port: int = 0
    sql_reader: str = ""
    sql_executor: str = ""
    sensor_url: str = ""
    sensor_token: str = ""
    time_scale: float = 1.0
    alert_connections: int = 8
    alerts_per_post: int = 50
    early_s: float = 0.0
    fault_share: float = 0.0
    fault_seed: int = 0

    @property
    def cluster_url(self) -> str:
        """Address of the cluster API (TLS, since kubectl sends no token over plain HTTP)."""
        return f"https://127.0.0.1:{self.cluster_port}"

    @property
    def management_url(self) -> str:
        """Base address of the services' management doors."""
        return f"http://127.0.0.1:{self.management_port}/jvm"

    @property
    def aws_url(self) -> str:
        """Endpoint URL of the AWS front."""
        return f"http://127.0.0.1:{self.aws_port}"
