"""Nagios, Icinga 2 and Monit as Debian ships them, on loopback, with the set-up of our own pages; what they watch is a file.

`state` holds the text that a check prints and the code that it ends with: 0 is well, 2 is critical.
"""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.command import end

DOCS = Path(__file__).resolve().parents[2] / "docs" / "sources"
_PATH = "/usr/bin:/usr/sbin:/usr/local/bin:/bin"


@dataclass(frozen=True)
class Watched:
    """The file that a monitor reads, and the folder of its own."""

    folder: Path

    def say(self, code: int, text: str) -> None:
        """From now on."""
        fresh = self.folder / "state.new"
        fresh.write_text(f"{code} {text}\n")
        fresh.replace(self.folder / "state")

    @property
    def check(self) -> Path:
        """A check as Nagios and Icinga run one."""
        script = self.folder / "check.sh"
        if not script.exists():
            script.write_text(f'read -r code text < {self.folder}/state\necho "$text"\nexit "$code"\n')
        return script


def missing(*programs: str) -> str:
    """Which are not installed; empty when all are."""
    absent = [name for name in programs if shutil.which(name, path=_PATH) is None]
    return f"real {', '.join(absent)} NOT tried: not installed" if absent else ""


def documented(page: str, *, url: str, token: str, section: str = "## Set-up", number: int = 1) -> str:
    """A fenced block of a page's section, with its HOST and TOKEN filled in."""
    text = (DOCS / f"{page}.md").read_text(encoding="utf-8")
    block = text.split(section)[1].split("```")[2 * number - 1]
    return block.strip("\n").replace("https://HOST", url).replace("TOKEN", token)


_NAGIOS = """\
cfg_file={folder}/objects.cfg
log_file={folder}/nagios.log
status_file={folder}/status.dat
object_cache_file={folder}/objects.cache
precached_object_file={folder}/objects.precache
state_retention_file={folder}/retention.dat
check_result_path={folder}
temp_path={folder}
temp_file={folder}/tmp
lock_file={folder}/nagios.lock
command_file={folder}/nagios.cmd
query_socket={folder}/nagios.qh
check_external_commands=0
nagios_user={user}
nagios_group={group}
interval_length=1
enable_notifications=1
execute_service_checks=1
execute_host_checks=0
use_syslog=0
date_format=iso8601
"""
_OBJECTS = """\
define timeperiod {{
  timeperiod_name always
  alias always
  {days}
}}
define contact {{
  contact_name oncall
  host_notifications_enabled 1
  service_notifications_enabled 1
  host_notification_period always
  service_notification_period always
  host_notification_options d,u,r
  service_notification_options w,u,c,r
  host_notification_commands notify-watchkeeper
  service_notification_commands notify-watchkeeper
}}
define command {{
  command_name read-state
  command_line /bin/sh {check}
}}
define host {{
  host_name web-1
  address 127.0.0.1
  max_check_attempts 1
  check_period always
  notification_interval 0
  notification_period always
  contacts oncall
  _APPLICATION shop
}}
define service {{
  host_name web-1
  service_description HTTP errors
  check_command read-state
  check_interval 1
  retry_interval 1
  max_check_attempts 1
  check_period always
  notification_interval 0
  notification_period always
  notification_options w,u,c,r
  contacts oncall
}}
"""
_DAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")


@contextlib.contextmanager
def nagios(watched: Watched, *, url: str, token: str) -> Iterator[None]:
    """Nagios with the notification command of docs/sources/nagios.md, as it stands there."""
    folder = watched.folder
    (folder / "nagios.cfg").write_text(_NAGIOS.format(folder=folder, user=_user(), group=_user()))
    objects = _OBJECTS.format(days="\n  ".join(f"{day} 00:00-24:00" for day in _DAYS), check=watched.check)
    command = documented("nagios", url=url, token=token).split("\n}\n")[0] + "\n}\n"
    (folder / "objects.cfg").write_text(objects + command)
    with _running(["/usr/sbin/nagios4", str(folder / "nagios.cfg")], folder):
        yield


_ICINGA = """\
object CheckerComponent "checker" {{ }}
object NotificationComponent "notification" {{ }}
object FileLogger "log" {{ path = "{folder}/icinga.log" }}
object CheckCommand "always-up" {{ command = [ "/bin/true" ] }}
object CheckCommand "read-state" {{ command = [ "/bin/sh", "{check}" ] }}
object NotificationCommand "notify-watchkeeper" {{
  command = [ "/bin/sh", "-c", {{{{{{{command}}}}}}} ]
}}
object User "oncall" {{ enable_notifications = true }}
object Host "web-1" {{
  check_command = "always-up"
  check_interval = 1s
  vars.application = "shop"
}}
object Service "HTTP errors" {{
  host_name = "web-1"
  check_command = "read-state"
  check_interval = 1s
  retry_interval = 1s
  max_check_attempts = 1
}}
object Notification "to-watchkeeper" {{
  host_name = "web-1"
  service_name = "HTTP errors"
  command = "notify-watchkeeper"
  users = [ "oncall" ]
  interval = 0
}}
"""
# Each macro of the documented command in Icinga's words, as the page lists them; a dollar that is none is doubled.
_WORDS = {
    "$NOTIFICATIONTYPE$": "$notification.type$",
    "$HOSTNAME$": "$host.name$",
    "$SERVICEDESC$": "$service.name$",
    "$SERVICESTATE$": "$service.state$",
    "$HOSTSTATE$": "$host.state$",
    "$SERVICEOUTPUT$": "$service.output$",
    "$HOSTOUTPUT$": "$host.output$",
    "$TIMET$": "$icinga.timet$",
    "$_HOSTAPPLICATION$": "$host.vars.application$",
}


@contextlib.contextmanager
def icinga(watched: Watched, *, url: str, token: str) -> Iterator[None]:
    """Icinga 2 with the same command in its own words."""
    folder = watched.folder
    block = documented("nagios", url=url, token=token).split("\n}\n")[0]
    command = block.split("command_line", 1)[1].replace("\\\n", " ").strip()
    command = command.replace("$ARGS.named", "$$ARGS.named")
    for theirs, ours in _WORDS.items():
        command = command.replace(theirs, ours)
    (folder / "icinga.conf").write_text(_ICINGA.format(folder=folder, check=watched.check, command=command))
    places = [
        f"-D{name}={folder}/icinga" for name in ("DataDir", "CacheDir", "LogDir", "InitRunDir", "SpoolDir")
    ]
    owners = [f"-DRunAsUser={_user()}", f"-DRunAsGroup={_user()}"]
    for name in ("icinga", "icinga/api"):
        (folder / name).mkdir()
    with _running(
        ["/usr/sbin/icinga2", "daemon", "-c", str(folder / "icinga.conf"), *places, *owners], folder
    ):
        yield


_MONIT = """\
set daemon 1
set pidfile {folder}/monit.pid
set idfile {folder}/monit.id
set statefile {folder}/monit.state
set log {folder}/monit.log
check program checkout with path "/bin/sh {check}"
  if status != 0 then exec "/bin/sh {folder}/hook.sh" else if succeeded then exec "/bin/sh {folder}/hook.sh"
"""


@contextlib.contextmanager
def monit(watched: Watched, *, url: str, token: str) -> Iterator[None]:
    """Monit with the hook of docs/sources/generic.md, since it can send nothing but mail by itself."""
    folder = watched.folder
    hook = documented("generic", section="## Monit", number=2, url=url, token=token)
    (folder / "hook.sh").write_text(f"exec >>{folder}/hook.log 2>&1\n{hook}\n")
    (folder / "monitrc").write_text(_MONIT.format(folder=folder, check=watched.check))
    (folder / "monitrc").chmod(0o600)
    with _running(["/usr/bin/monit", "-I", "-c", str(folder / "monitrc")], folder):
        yield


PROGRAMS: dict[str, tuple[Callable[..., contextlib.AbstractContextManager[None]], tuple[str, ...], str]] = {
    "nagios": (nagios, ("nagios4", "jq", "curl"), "nagios"),
    "icinga": (icinga, ("icinga2", "jq", "curl"), "nagios"),
    "monit": (monit, ("monit", "jq", "curl"), "generic"),
}


def _user() -> str:
    return "root" if os.geteuid() == 0 else os.environ.get("USER", "nobody")


@contextlib.contextmanager
def _running(command: list[str], folder: Path) -> Iterator[None]:
    with (folder / "output.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=folder)
        try:
            yield
        finally:
            end(process)
