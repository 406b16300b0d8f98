"""`watchkeeper init`: write a first .env with fresh keys, and say what to do next. It changes nothing that exists."""

import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from bot.domain.errors import Permanent
from bot.local.demo.layout import PRODUCT, Layout, Ports, Secrets, environment

app = typer.Typer(pretty_exceptions_enable=False)

_PROCFILE_PORTS = Ports(
    page=8065,
    web=8080,
    valkey=6390,
    control=8066,
    telemetry=8067,
    cluster=8068,
    aws=8069,
    management=8070,
    database=8071,
)
_PROCFILE_DATA = Path("var/procfile")
_OURS = ("WATCHKEEPER_", "SLACK_", "WORLD_")

_REAL = """\
# Watchkeeper. Every setting: docs/settings.md. Check with: watchkeeper doctor
# Give each process only what it needs: the grant key to web and executor, write credentials to the executor alone.

# Slack: create the app from deploy/slack-manifest.json at https://api.slack.com/apps?new_app=1
SLACK_BOT_TOKEN=
SLACK_APP_TOKEN=
WATCHKEEPER_ALERTS_CHANNEL=alerts
WATCHKEEPER_APPROVER_GROUP=oncall

# Keys, drawn for this file. Losing the audit key means that the log cannot be verified any more.
WATCHKEEPER_AUDIT_KEY={audit}
WATCHKEEPER_STORAGE_KEY={storage}
WATCHKEEPER_GRANT_KEY={grant}

# Alerts in. `watchkeeper sources --show-token` prints what to put into alertmanager.yml.
WATCHKEEPER_SOURCES='{sources}'

# Where things are.
WATCHKEEPER_DATA_DIR=var
WATCHKEEPER_DATABASE_URL=sqlite:///var/watchkeeper.sqlite3
WATCHKEEPER_REDIS_URL=redis://127.0.0.1:6379/0

# What is read during an investigation; each may stay off.
# WATCHKEEPER_PROMETHEUS_URL=http://127.0.0.1:9090
# WATCHKEEPER_LOKI_URL=http://127.0.0.1:3100
# WATCHKEEPER_KUBE_READER_CONFIG=/etc/watchkeeper/reader.kubeconfig
# WATCHKEEPER_MODEL_BASE_URL=http://127.0.0.1:11434/v1

# observe: nothing is ever changed. supervised: a person approves each plan by a click.
WATCHKEEPER_MODE=observe
"""


@app.command()
def init(
    demo: Annotated[
        bool, typer.Option("--demo", help="For `honcho start`: the demo, one process a line.")
    ] = False,
    out: Annotated[Path, typer.Option(help="File to write; it must not exist.")] = Path(".env"),
) -> None:
    """Write a .env that only its owner can read."""
    _write(out, _demo_text() if demo else _real_text())
    print(f"Wrote {out}, readable by you alone.")
    if demo:
        print("Next: .venv/bin/honcho start, then open http://127.0.0.1:8065/")
        return
    print("Next:")
    print("  1. Create the Slack app at https://api.slack.com/apps?new_app=1, From a manifest:")
    print("     paste deploy/slack-manifest.json, install it, put its two tokens into the file.")
    print(f"  2. set -a; . {out if out.is_absolute() else './' + str(out)}; set +a; watchkeeper doctor")


def _write(out: Path, text: str) -> None:
    """Create the file, never over an existing one and never readable by others."""
    try:
        handle = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        message = f"{out} exists already; move it away or choose another --out"
        raise Permanent(message) from error
    except OSError as error:
        message = f"cannot write {out}: {error.strerror}"
        raise Permanent(message) from error
    with os.fdopen(handle, "w") as file:
        file.write(text)


def _real_text() -> str:
    source = {"alertmanager": {"kind": "alertmanager", "token": secrets.token_hex(32)}}
    return _REAL.format(
        audit=secrets.token_hex(32),
        storage=secrets.token_hex(32),
        grant=secrets.token_hex(32),
        sources=json.dumps(source),
    )


def _demo_text() -> str:
    """The union of what the demo's supervisor gives its children: honcho has one environment for all of them."""
    drawn = Secrets(*(secrets.token_hex(32) for _ in range(7)))
    layout = Layout(_PROCFILE_DATA.resolve(), _PROCFILE_PORTS, drawn)
    merged: dict[str, str] = {}
    for name in ("world", *PRODUCT):
        merged |= environment(name, layout)
    return "".join(f"{key}={_quoted(value)}\n" for key, value in _ours(merged).items())


def _ours(merged: Mapping[str, str]) -> dict[str, str]:
    return {key: merged[key] for key in sorted(merged) if key.startswith(_OURS)}


def _quoted(value: str) -> str:
    return f"'{value}'" if any(sign in value for sign in ' "{') else value
