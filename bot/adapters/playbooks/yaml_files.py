"""The Playbooks port over a folder of YAML files; a file that does not load or lint stops the start."""

from collections.abc import Sequence
from pathlib import Path

from bot.adapters.playbooks._findings import Finding, Source, Unreadable
from bot.adapters.playbooks._lint import lint, lint_together
from bot.adapters.playbooks._shape import playbook_of, shape_findings
from bot.adapters.playbooks._strict_yaml import parse
from bot.domain.errors import Permanent
from bot.domain.playbook import Playbook
from bot.ports import Playbooks
from bot.settings import Settings

_LARGEST = 64 * 1024


class YamlPlaybooks:
    """Every reviewed response of one folder, read once."""

    def __init__(self, playbooks: Sequence[Playbook]) -> None:
        self._playbooks = tuple(sorted(playbooks, key=lambda playbook: playbook.id))

    def all(self) -> Sequence[Playbook]:
        """Every playbook, in id order."""
        return self._playbooks


def build(settings: Settings) -> Playbooks:
    """Load the configured folder; raises Permanent with `file:line: message` of every finding."""
    playbooks, findings = read_folder(settings.playbooks_dir)
    if findings:
        raise Permanent("; ".join(str(finding) for finding in findings))
    if not playbooks:
        message = (
            f"no playbook in {settings.playbooks_dir}: set WATCHKEEPER_PLAYBOOKS_DIR to a folder with *.yaml"
        )
        raise Permanent(message)
    return YamlPlaybooks(playbooks)


def read_folder(folder: Path) -> tuple[list[Playbook], list[Finding]]:
    """The playbooks of a folder that are sound, and every finding; raises Permanent where there is no folder."""
    if not folder.is_dir():
        message = f"{folder} is no folder: set WATCHKEEPER_PLAYBOOKS_DIR to the folder with the playbooks"
        raise Permanent(message)
    sound: list[tuple[Source, Playbook]] = []
    findings: list[Finding] = []
    for path in sorted(folder.glob("*.yaml")):
        found, pair = _read(path)
        findings.extend(found)
        if pair is not None:
            sound.append(pair)
    findings.extend(lint_together(sound))
    return [playbook for _source, playbook in sound], findings


def _read(path: Path) -> tuple[list[Finding], tuple[Source, Playbook] | None]:
    name = path.as_posix()
    try:
        content = path.read_bytes()
        text = content.decode("utf-8")
    except OSError as error:
        return [Finding(name, 1, "unreadable", f"cannot be read: {error.strerror}")], None
    except UnicodeDecodeError:
        return [Finding(name, 1, "unreadable", "is not UTF-8")], None
    if len(content) > _LARGEST:
        return [Finding(name, 1, "unreadable", f"is larger than {_LARGEST} bytes")], None
    try:
        source = parse(name, text)
    except Unreadable as error:
        return list(error.findings), None
    shape = list(shape_findings(source))
    if shape:
        return shape, None
    playbook = playbook_of(source, content)
    found = lint(source, playbook)
    return found, None if found else (source, playbook)
