"""YAML without its traps: one document of plain mappings, lists and scalars, with the line of every key.

Refuses duplicate keys, anchors and aliases, tags, merge keys, and the scalars that YAML 1.1 silently turns into
something else (unquoted on, off, yes and no, dates, octal and base-60 numbers).
"""

import re
from collections.abc import Iterator

import yaml

from bot.adapters.playbooks._findings import Finding, Place, Source, Unreadable

_INTEGER = re.compile(r"-?(0|[1-9][0-9]*)")
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)\.[0-9]+")
_CORE = "tag:yaml.org,2002:"


def parse(path: str, text: str) -> Source:
    """Read one file; raises Unreadable with every finding."""
    try:
        events = list(yaml.parse(text, Loader=yaml.SafeLoader))
        findings = [Finding(path, *found) for found in _forbidden(events)]
        if findings:
            raise Unreadable(findings)
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise Unreadable([Finding(path, line, "yaml", error.problem or "not YAML")]) from error
    except RecursionError as error:
        raise Unreadable([Finding(path, 1, "yaml", "nested too deeply")]) from error
    except yaml.YAMLError as error:
        raise Unreadable([Finding(path, 1, "yaml", str(error).splitlines()[0])]) from error
    walk = _Walk(path)
    if not isinstance(root, yaml.MappingNode):
        raise Unreadable([Finding(path, 1, "yaml", "the file must be one mapping")])
    data = walk.mapping(root, ())
    if walk.findings:
        raise Unreadable(walk.findings)
    return Source(path, data, walk.lines)


def _forbidden(events: list[yaml.Event]) -> Iterator[tuple[int, str, str]]:
    for event in events:
        line = event.start_mark.line + 1 if event.start_mark else 1
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            yield line, "alias", "anchors and aliases are not allowed; write the value out"
        elif getattr(event, "tag", None):
            yield line, "tag", "tags are not allowed; write a plain value"


class _Walk:
    """Turns nodes into data, notes the line of each place, and collects findings as it goes."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.lines: dict[Place, int] = {(): 1}
        self.findings: list[Finding] = []

    def mapping(self, node: yaml.MappingNode, place: Place) -> dict[str, object]:
        """A mapping whose keys are plain strings, each once."""
        data: dict[str, object] = {}
        for key_node, value_node in node.value:
            key = str(key_node.value) if isinstance(key_node, yaml.ScalarNode) else ""
            line = key_node.start_mark.line + 1
            # A step says `on: NAME`, which YAML 1.1 would take for a truth value; as a key it can mean nothing else.
            if key_node.tag != f"{_CORE}str" and key != "on":
                said = f"key {key!r} is not a plain string; quote it"
                self.findings.append(Finding(self.path, line, "key", said))
            if key in data:
                self.findings.append(Finding(self.path, line, "duplicate-key", f"key {key!r} appears twice"))
            self.lines[(*place, key)] = line
            data[key] = self.value(value_node, (*place, key))
        return data

    def value(self, node: yaml.Node, place: Place) -> object:
        """Any node as data."""
        self.lines.setdefault(place, node.start_mark.line + 1)
        if isinstance(node, yaml.MappingNode):
            return self.mapping(node, place)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, (*place, index)) for index, item in enumerate(node.value)]
        return self.scalar(str(node.value), node.tag, place)

    def scalar(self, text: str, tag: str, place: Place) -> object:
        """A string, an integer, a decimal number or true and false; everything else is a finding."""
        kind = tag.removeprefix(_CORE)
        if kind == "str":
            return text
        if kind == "bool" and text in ("true", "false"):
            return text == "true"
        if kind == "int" and _INTEGER.fullmatch(text):
            return int(text)
        if kind == "float" and _NUMBER.fullmatch(text):
            return float(text)
        said = f"unquoted {text!r} would be read as {kind}; quote it or write it plainly"
        rule = "unquoted-boolean" if kind == "bool" else "scalar"
        self.findings.append(Finding(self.path, self.lines[place], rule, said))
        return text
