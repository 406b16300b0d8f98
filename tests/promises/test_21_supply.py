"""Promise 21: no unknown code in the image. What can be judged without a container engine.

The lock names every package with its hashes, the installer refuses any other bytes, the image's lock holds only what
pyproject asks for, the Dockerfile brings in nothing else, and the bill of materials says the same. Not judged here:
the base image's own packages, since there is no engine to build it, and published weaknesses, which need a network.
"""

import base64
import hashlib
import json
import random
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.e2e.command import BIN, ROOT
from tests.promises.conftest import Tally

FULL_FILES, FULL_WHEELS = 5000, 30
_PIN = re.compile(r"([a-z0-9][a-z0-9._-]*)(?:\[[a-z0-9,._-]+\])?==([0-9][A-Za-z0-9.+!]*)( ; .+)?")
_HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")
_OURS = {
    "deploy/requirements-image.lock": "build",
    "pyproject.toml": "build",
    "README.md": "build",
    "LICENSE": "build",
    "NOTICE": "build",
    "bot": "build",
    "playbooks": "image",
    "deploy/strip.py": "image",
}
_TEXT = {".py", ".md", ".mako", ".html", ".css", ".js", ".json", ".svg", ".yaml", ".yml", ".txt", ".sql"}
_root = [ROOT]
Pin = tuple[str, frozenset[str]]


def plant(monkeypatch: pytest.MonkeyPatch) -> None:
    """A source tree into which somebody has put what does not belong there, and an installer that takes it."""
    monkeypatch.setattr(sys.modules[__name__], "_lock_options", lambda: ["--no-verify-hashes"])
    monkeypatch.setattr(sys.modules[__name__], "_root", [_spoilt()])
    monkeypatch.setattr(sys.modules[__name__], "_recorded", lambda _path, _wanted: False)


def _spoilt() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="spoilt-supply-"))
    (folder / "deploy").mkdir()
    for name in (".dockerignore", "deploy/sbom.json"):
        shutil.copy(ROOT / name, folder / name)
    for name in ("requirements.lock", "deploy/requirements-image.lock"):
        (folder / name).write_text((ROOT / name).read_text() + "left-behind==1.0\n")
    strip = (ROOT / "deploy/strip.py").read_text().replace('"bash"', '"none"')
    (folder / "deploy/strip.py").write_text(strip)
    docker = (ROOT / "Dockerfile").read_text().replace("USER 10001", "USER root\nADD https://x.example/x /x")
    (folder / "Dockerfile").write_text(docker)
    for name in ("bot", "playbooks"):
        (folder / name).mkdir()
        (folder / name / "miner.so").write_bytes(b"\x7fELF")
    return folder


def entries(name: str) -> Iterator[tuple[str, list[str]]]:
    """Each requirement of a lock with its options."""
    text = (_root[0] / name).read_text().replace("\\\n", " ")
    for line in text.splitlines():
        if line.strip() and not line.startswith("#"):
            head, *options = re.split(r"\s+(?=--)", line.strip())
            yield head, options


def pins(name: str) -> dict[str, frozenset[Pin]]:
    """Versions with their hashes by package; a package may have one for each version of Python."""
    found: dict[str, frozenset[Pin]] = {}
    for head, options in entries(name):
        match = _PIN.fullmatch(head)
        if match:
            found[match[1]] = found.get(match[1], frozenset()) | {(match[2], frozenset(options))}
    return found


@pytest.mark.parametrize("name", ["requirements.lock", "deploy/requirements-image.lock"])
def test_every_requirement_is_pinned_by_its_hashes(name: str, promise: Callable[[int], Tally]) -> None:
    tally = promise(21)
    for head, options in entries(name):
        hashed = bool(options) and all(_HASH.fullmatch(option) for option in options)
        tally.check(bool(_PIN.fullmatch(head)) and hashed, f"{name}: {head} {options[:1]}")
    if name != "requirements.lock":
        whole = pins("requirements.lock")
        for package, pinned in pins(name).items():
            tally.check(whole.get(package) == pinned, f"{package} in the image is not the one that is tested")


def test_the_image_holds_only_what_the_product_asks_for(promise: Callable[[int], Tally]) -> None:
    tally = promise(21)
    project = (ROOT / "pyproject.toml").read_text()
    wanted = _closure(project)
    for package in pins("deploy/requirements-image.lock"):
        tally.check(package in wanted, f"nothing that the product needs asks for {package}")


def test_the_bill_of_materials_is_the_lock(promise: Callable[[int], Tally]) -> None:
    tally = promise(21)
    listed: dict[str, frozenset[Pin]] = {}
    for one in json.loads((_root[0] / "deploy/sbom.json").read_text())["components"]:
        hashes = frozenset(f"--hash=sha256:{found['content']}" for found in one["hashes"])
        listed[one["name"]] = listed.get(one["name"], frozenset()) | {(one["version"], hashes)}
    locked = pins("deploy/requirements-image.lock")
    for package in locked.keys() | listed.keys():
        tally.check(locked.get(package) == listed.get(package), f"{package}: make sbom was not run")


def test_the_dockerfile_brings_in_nothing_else(promise: Callable[[int], Tally]) -> None:
    tally = promise(21)
    stages = _stages((_root[0] / "Dockerfile").read_text())
    for number, stage in enumerate(stages):
        for word, given in stage:
            tally.check(_allowed(word, given, last=number == len(stages) - 1), f"{word} {given}")
    last = stages[-1]
    users = [given for word, given in last if word == "USER"]
    tally.check(bool(users) and users[-1].isdigit() and int(users[-1]) > 0, f"it runs as {users}")
    after = [word for word, _ in last[last.index(("USER", users[-1])) :]] if users else ["RUN"]
    tally.check("RUN" not in after and "COPY" not in after, "the image is changed after its user was set")
    stripped = [given for word, given in last if word == "RUN"][-1]
    tally.check("strip.py" in stripped, "the last command is not the one that takes the shells out")
    for word in ("ENTRYPOINT", "CMD"):
        told = [given for found, given in last if found == word]
        tally.check(len(told) == 1 and told[0].startswith("["), f"{word} is run by a shell")


def test_only_what_is_listed_reaches_the_builder(promise: Callable[[int], Tally]) -> None:
    tally = promise(21)
    lines = [
        line for line in (_root[0] / ".dockerignore").read_text().splitlines() if line[:1] not in ("", "#")
    ]
    tally.check(lines[0] == "*", "the builder gets everything that is not named")
    for line in lines[1:]:
        fine = line.removeprefix("!") in _OURS if line.startswith("!") else line.startswith("**/")
        tally.check(fine, f"{line} reaches the builder")
    for folder in ("bot", "playbooks"):
        for path in (_root[0] / folder).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                tally.check(_is_source(path), f"{path} is no source text")


def test_the_stripped_image_has_no_shell(promise: Callable[[int], Tally], tmp_path: Path) -> None:
    tally = promise(21)
    kept = [
        "usr/local/bin/python3.11",
        "opt/watchkeeper/bin/kubectl",
        "opt/watchkeeper/bin/python",
        "usr/bin/env",
    ]
    gone = [
        f"usr/bin/{name}"
        for name in ("sh", "dash", "bash", "perl", "perl5.36.0", "apt-get", "dpkg", "tar", "su")
    ]
    gone += ["opt/watchkeeper/bin/pip3.11", "opt/watchkeeper/lib/python3.11/site-packages/pip/__init__.py"]
    (tmp_path / "usr/bin").mkdir(parents=True)
    (tmp_path / "bin").symlink_to("usr/bin")
    for name in (*kept, *gone):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    command = [sys.executable, str(_root[0] / "deploy/strip.py"), str(tmp_path)]
    subprocess.run(command, check=True, capture_output=True, timeout=30)
    for name in (*kept, *gone):
        tally.check((tmp_path / name).exists() is (name in kept), f"{name} after stripping")


def test_the_installed_code_is_what_its_wheels_recorded(promise: Callable[[int], Tally]) -> None:
    tally, dice = promise(21), random.Random(21)
    found: list[tuple[Path, str]] = []
    for package, pinned in pins("deploy/requirements-image.lock").items():
        try:
            installed = metadata.distribution(package)
        except metadata.PackageNotFoundError:
            continue  # A package for another platform.
        versions = {version for version, _ in pinned}
        tally.check(installed.version in versions, f"{package} {installed.version} is not locked")
        found += [
            (Path(str(file.locate())), file.hash.value)
            for file in installed.files or []
            if file.hash and file.hash.mode == "sha256"
        ]
    for path, wanted in dice.sample(found, min(len(found), tally.size(FULL_FILES, least=200))):
        tally.check(_recorded(path, wanted), f"{path} is not what the wheel recorded")


@pytest.mark.timeout(300)
def test_the_installer_refuses_other_bytes(promise: Callable[[int], Tally], tmp_path: Path) -> None:
    """A wheel in which one byte differs from the locked one, whatever its name and version say."""
    tally, dice = promise(21), random.Random(2121)
    genuine = _wheel(tmp_path / "genuine", b"VALUE = 1\n")
    digest = hashlib.sha256(genuine.read_bytes()).hexdigest()
    lock = tmp_path / "requirements.lock"
    lock.write_text(f"promised==1.0 \\\n    --hash=sha256:{digest}\n")
    taken = _installed(lock, genuine.parent, tmp_path / "taken")
    tally.check(taken, "the locked wheel is refused")
    for number in range(tally.size(FULL_WHEELS, least=3)):
        other = _wheel(tmp_path / f"other-{number}", b"VALUE = %d\n" % dice.randrange(2, 10**9))
        tally.check(
            not _installed(lock, other.parent, tmp_path / f"in-{number}"), "another wheel was installed"
        )


def _closure(project: str) -> set[str]:
    """Every package that the product's own requirements lead to, by what the installed ones ask for."""
    listed = re.search(r"^dependencies = \[\n(.*?)^\]", project, re.DOTALL | re.MULTILINE)
    assert listed
    todo = [Requirement(text) for text in re.findall(r'"([^"]+)"', listed[1])]
    for extra in ("postgres", "kubernetes"):
        more = re.search(rf"^{extra} = \[(.*?)\]\n", project, re.MULTILINE)
        assert more
        todo += [Requirement(text) for text in re.findall(r'"([^"]+)"', more[1])]
    seen: set[tuple[str, str]] = set()
    while todo:
        wanted = todo.pop()
        for extra in ("", *wanted.extras):
            key = (canonicalize_name(wanted.name), extra)
            if key not in seen:
                seen.add(key)
                todo += _asked_by(*key)
    return {name for name, _ in seen}


def _asked_by(package: str, extra: str) -> list[Requirement]:
    """Markers of the platform do not matter: the lock is for all of them."""
    try:
        asked = metadata.requires(package) or []
    except metadata.PackageNotFoundError:
        return []
    found = [Requirement(text) for text in asked]
    return [one for one in found if ("extra ==" in str(one.marker)) is bool(extra) and _by(one, extra)]


def _by(requirement: Requirement, extra: str) -> bool:
    if not extra:
        return True
    return f'extra == "{extra}"' in str(requirement.marker) or f"extra == '{extra}'" in str(
        requirement.marker
    )


def _stages(text: str) -> list[list[tuple[str, str]]]:
    stages: list[list[tuple[str, str]]] = []
    for line in text.replace("\\\n", " ").splitlines():
        word, _, given = line.strip().partition(" ")
        if not word or word.startswith("#"):
            continue
        if word == "FROM":
            stages.append([])
        stages[-1].append((word, given.strip()))
    return stages


def _allowed(word: str, given: str, *, last: bool) -> bool:
    """Whether one instruction brings in nothing but what the lists above name."""
    if word == "FROM":
        return bool(re.fullmatch(r"python:\d+\.\d+\.\d+-slim-[a-z]+( AS [a-z]+)?", given))
    if word == "COPY":
        return _copies(given, last=last)
    if word == "RUN":
        return _runs(given)
    return word in ("WORKDIR", "ENV", "USER", "EXPOSE", "HEALTHCHECK", "ENTRYPOINT", "CMD")


def _copies(given: str, *, last: bool) -> bool:
    words = shlex.split(given)
    if words[0].startswith("--from="):
        return words[0] == "--from=build" and words[1:] == ["/opt/watchkeeper", "/opt/watchkeeper"]
    stage = "image" if last else "build"
    return all(_OURS.get(word) == stage for word in words[:-1])


def _runs(given: str) -> bool:
    known = (
        r"python -m venv /opt/watchkeeper",
        r"/opt/watchkeeper/bin/pip install --no-cache-dir --require-hashes -r requirements-image\.lock",
        r"useradd --system --uid \d{4,} [a-z/ -]+",
        r'\["python", "/tmp/strip\.py", "/"\]',
    )
    return all(any(re.fullmatch(one, part.strip()) for one in known) for part in given.split("&&"))


def _is_source(path: Path) -> bool:
    """Text of a known kind, or a recording, that is no link and cannot be run by itself."""
    if path.is_symlink() or path.stat().st_mode & 0o111:
        return False
    if path.name.endswith(".json.gz"):
        return path.read_bytes()[:2] == b"\x1f\x8b"
    return path.suffix in _TEXT and b"\x00" not in path.read_bytes()


def _recorded(path: Path, wanted: str) -> bool:
    digest = hashlib.sha256(path.read_bytes()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == wanted


def _wheel(folder: Path, code: bytes) -> Path:
    folder.mkdir()
    path = folder / "promised-1.0-py3-none-any.whl"
    parts: Mapping[str, bytes] = {
        "promised.py": code,
        "promised-1.0.dist-info/METADATA": b"Metadata-Version: 2.1\nName: promised\nVersion: 1.0\n",
        "promised-1.0.dist-info/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{name},,\n" for name in (*parts, "promised-1.0.dist-info/RECORD"))
    with zipfile.ZipFile(path, "w") as wheel:
        for name, content in {**parts, "promised-1.0.dist-info/RECORD": record.encode()}.items():
            wheel.writestr(zipfile.ZipInfo(name), content)
    return path


def _lock_options() -> list[str]:
    return ["--require-hashes"]


def _installed(lock: Path, links: Path, into: Path) -> bool:
    """What `make env` does, from a folder instead of an index; True where the package is there afterwards."""
    command = [
        str(BIN / "uv"),
        "pip",
        "install",
        "--quiet",
        "--offline",
        "--no-index",
        "--find-links",
        str(links),
    ]
    command += ["--no-cache", "--target", str(into), *_lock_options(), "-r", str(lock)]
    subprocess.run(command, capture_output=True, timeout=60, check=False)
    return (into / "promised.py").exists()
