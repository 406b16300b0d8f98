"""`watchkeeper init`: write first settings with fresh keys, and say what to do next. It changes nothing that exists.

One file for every process and one each for web and executor: what approves and what acts is in no other's environment.
"""

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
# This file is for every process. What only web or only the executor may have is in web.env and executor.env beside it.

WATCHKEEPER_ALERTS_CHANNEL=alerts
WATCHKEEPER_APPROVER_GROUP=oncall

# Keys, drawn for this file. Losing the audit key means that the log cannot be verified any more.
WATCHKEEPER_AUDIT_KEY={audit}
WATCHKEEPER_STORAGE_KEY={storage}

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

_WEB = """\
# Watchkeeper: for web alone (watchkeeper serve), beside .env.

# Slack: create the app from deploy/slack-manifest.json at https://api.slack.com/apps?new_app=1
SLACK_BOT_TOKEN=
SLACK_APP_TOKEN=

# Signs what people approve; executor.env has the same.
WATCHKEEPER_GRANT_KEY={grant}
"""

_EXECUTOR = """\
# Watchkeeper: for the executor alone, beside .env.

# Proves what people approved; web.env has the same.
WATCHKEEPER_GRANT_KEY={grant}

# Write credentials for mode supervised, each optional: docs/permissions.md.
# WATCHKEEPER_KUBE_EXECUTOR_CONFIG=/etc/watchkeeper/executor.kubeconfig
# WATCHKEEPER_AWS_EXECUTOR_CREDENTIALS=/etc/watchkeeper/executor.credentials
# WATCHKEEPER_JVM_EXECUTOR_TOKEN_FILE=/etc/watchkeeper/executor.token
# WATCHKEEPER_POSTGRES_EXECUTOR_DSNS='{{"orders": "postgresql://watchkeeper_executor:...@127.0.0.1/orders"}}'
"""


@app.command()
def init(
    demo: Annotated[
        bool, typer.Option("--demo", help="For `honcho start`: the demo, one process a line.")
    ] = False,
    out: Annotated[Path, typer.Option(help="File to write, the others beside it; none may exist.")] = Path(
        ".env"
    ),
) -> None:
    """Write .env, web.env and executor.env, which only their owner can read; with --demo one file for all."""
    if demo:
        _write({out: _demo_text()})
        print(f"Wrote {out}, readable by you alone.")
        print("Next: .venv/bin/honcho start, then open http://127.0.0.1:8065/")
        return
    grant = secrets.token_hex(32)
    web, executor = out.with_name("web.env"), out.with_name("executor.env")
    _write({out: _real_text(), web: _WEB.format(grant=grant), executor: _EXECUTOR.format(grant=grant)})
    print(
        f"Wrote {out} for every process, {web} for web, {executor} for the executor; readable by you alone."
    )
    print("Next:")
    print("  1. Create the Slack app at https://api.slack.com/apps?new_app=1, From a manifest:")
    print(f"     paste deploy/slack-manifest.json, install it, put its two tokens into {web}.")
    print(
        f"  2. (set -a; {'; '.join(f'. {_sourced(one)}' for one in (out, web, executor))}; watchkeeper doctor)"
    )


def _sourced(path: Path) -> str:
    """A dot alone looks for a bare name along PATH."""
    return str(path) if path.is_absolute() else f"./{path}"


def _write(texts: Mapping[Path, str]) -> None:
    """Create the files, never over an existing one and never readable by others."""
    taken = next((path for path in texts if path.exists()), None)
    if taken is not None:
        message = f"{taken} exists already; move it away or choose another --out"
        raise Permanent(message)
    for out, text in texts.items():
        try:
            handle = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
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
