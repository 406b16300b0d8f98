"""`watchkeeper slack-double`: the local Slack double with its page."""

from pathlib import Path
from typing import Annotated

import typer

from bot.cli._places import refuse_taken
from bot.local.slackdouble.options import DoubleOptions
from bot.local.slackdouble.server import serve
from bot.wiring.logs import configure

app = typer.Typer(pretty_exceptions_enable=False)


@app.command()
def slack_double(
    port: Annotated[int, typer.Option(help="Port of page and API on 127.0.0.1.")] = 8065,
    controls_url: Annotated[
        str, typer.Option(help="The world's control address, for the scenario buttons.")
    ] = "",
    request_url: Annotated[str, typer.Option(help="Send signed HTTP there instead of Socket Mode.")] = "",
    state_file: Annotated[Path | None, typer.Option(help="Keep the workspace in this file.")] = None,
    clock_rate: Annotated[float, typer.Option(help="How much faster than real time its clock runs.")] = 1.0,
    faults: Annotated[float, typer.Option(min=0.0, max=1.0, help="This share of Web API calls fails.")] = 0.0,
    fault_seed: Annotated[int, typer.Option(help="Draws which calls fail.")] = 0,
) -> None:
    """Run a strict local stand-in for Slack: Web API, Socket Mode and a page."""
    configure("slack-double")
    refuse_taken(port)
    serve(
        DoubleOptions(
            port=port,
            controls_url=controls_url or None,
            request_url=request_url or None,
            state_file=str(state_file) if state_file else None,
            clock_rate=clock_rate,
            fault_share=faults,
            fault_seed=fault_seed,
        )
    )
