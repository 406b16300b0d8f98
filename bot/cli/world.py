"""`watchkeeper world`: the simulated production world of the demo."""

from pathlib import Path
from typing import Annotated

import typer

from bot.cli._places import made, refuse_taken
from bot.local.world.options import WorldOptions
from bot.local.world.server import serve
from bot.wiring.logs import configure

app = typer.Typer(pretty_exceptions_enable=False)


@app.command()
def world(
    control_port: Annotated[int, typer.Option()],
    telemetry_port: Annotated[int, typer.Option()],
    cluster_port: Annotated[int, typer.Option()],
    aws_port: Annotated[int, typer.Option()],
    management_port: Annotated[int, typer.Option()],
    database_port: Annotated[int, typer.Option()],
    alert_url: Annotated[str, typer.Option(help="Where alerts are posted.")],
    data_dir: Annotated[Path, typer.Option(help="Where kubeconfigs and credentials are written.")],
    alert_token: Annotated[str, typer.Option(envvar="WORLD_ALERT_TOKEN", help="Bearer token of the source.")],
    sql_reader: Annotated[str, typer.Option(envvar="WORLD_SQL_READER", help="Password of the reading role.")],
    sql_executor: Annotated[
        str, typer.Option(envvar="WORLD_SQL_EXECUTOR", help="Password of the acting role.")
    ],
    sensor_url: Annotated[str, typer.Option(help="Where the runtime sensor posts its alerts.")],
    sensor_token: Annotated[
        str, typer.Option(envvar="WORLD_SENSOR_TOKEN", help="Bearer token of the sensor.")
    ],
    early: Annotated[float, typer.Option(help="Seconds a quiet beginning lasts, where one is drawn.")] = 0.0,
    faults: Annotated[float, typer.Option(min=0.0, max=1.0, help="This share of calls fails.")] = 0.0,
    fault_seed: Annotated[int, typer.Option(help="Draws which calls fail.")] = 0,
) -> None:
    """Run the simulated cluster, AWS, telemetry and scenarios on loopback."""
    configure("world")
    refuse_taken(control_port, telemetry_port, cluster_port, aws_port, management_port, database_port)
    made(data_dir, "--data-dir")
    serve(
        WorldOptions(
            control_port=control_port,
            telemetry_port=telemetry_port,
            cluster_port=cluster_port,
            aws_port=aws_port,
            management_port=management_port,
            database_port=database_port,
            sql_reader=sql_reader,
            sql_executor=sql_executor,
            alert_url=alert_url,
            alert_token=alert_token,
            sensor_url=sensor_url,
            sensor_token=sensor_token,
            data_dir=data_dir,
            early_s=early,
            fault_share=faults,
            fault_seed=fault_seed,
        )
    )
