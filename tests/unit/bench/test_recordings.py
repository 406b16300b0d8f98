"""Recorded incidents are judged by what they show: never by the answers beside them nor by the names of their folders."""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bench.diagnose.__main__ import cases_of, known

# How many of each set are tried, and which of its files are left out: recordings may lack them, and they are large.
TRIED = {"petshop": 3, "sockshop1": 2, "nezha": 2, "cloudops": 2, "opensre": 4}
LEFT_OUT = {"nezha": ("log", "trace", "construct_data")}
LISTED = {"nezha": "cases.json"}
RENAMED = {
    "opensre": 1
}  # Levels of folders; below it recordings name each other as the one that they lean on.


@pytest.fixture(scope="module")
def recordings() -> Path:
    folder = os.environ.get("WATCHKEEPER_TEST_DATA")
    if not folder:
        pytest.skip("WATCHKEEPER_TEST_DATA is not set: the recorded incidents were NOT tried")
    return Path(folder)


@pytest.mark.parametrize("name", known())
def test_answers_and_folder_names_change_nothing(name: str, recordings: Path, tmp_path: Path):
    assert not (tmp_path / "answers").exists()
    copied, renamed = tmp_path / "one", tmp_path / "other"
    _copy(recordings / "rca" / name, copied / "rca" / name, name)
    _copy(recordings / "rca" / name, renamed / "rca" / name, name, prefix="x-")
    before, after = list(_rows(name, copied)), list(_rows(name, renamed))
    assert len(before) >= TRIED.get(name, 2)
    assert before == after


def _copy(origin: Path, target: Path, name: str, prefix: str = "") -> None:
    """A few cases with the files above them; `prefix` renames every folder down to a case, so that order stays."""
    folders = _some_cases(origin, name)
    wanted = {
        above for folder in folders for above in (folder, *folder.parents) if above.is_relative_to(origin)
    }
    for folder in sorted(wanted):
        levels = RENAMED.get(name, 9)
        parts = [
            prefix * (level < levels) + part for level, part in enumerate(folder.relative_to(origin).parts)
        ]
        place = target.joinpath(*parts)
        place.mkdir(parents=True, exist_ok=True)
        for item in sorted(folder.iterdir()):
            if item.is_dir() and folder in folders and item.name not in LEFT_OUT.get(name, ()):
                left_out = shutil.ignore_patterns(*LEFT_OUT.get(name, ()))
                shutil.copytree(item, place / item.name, copy_function=os.symlink, ignore=left_out)
            elif item.is_file() and item.name != LISTED.get(name):
                (place / item.name).symlink_to(item)
            elif item.is_file():
                listed = json.loads(item.read_text(encoding="utf-8"))
                (place / item.name).write_text(json.dumps(listed[: TRIED[name]]), encoding="utf-8")


def _some_cases(origin: Path, name: str) -> set[Path]:
    """Folders without case folders below them that hold files, evenly drawn; one is enough of what lists its cases."""
    holders = {path.parent for path in origin.rglob("*") if path.is_file() and path.parent != origin}
    if name in LISTED:
        return {min(path.parent for path in origin.rglob(LISTED[name]))}
    ends = sorted(folder for folder in holders if not any(folder in other.parents for other in holders))
    return set(ends[:: max(1, len(ends) // TRIED.get(name, 2))])


def _rows(name: str, data: Path) -> Iterator[dict[str, object]]:
    for case in cases_of(name, data):
        row = case.row()
        yield {key: value for key, value in row.items() if key not in ("id", "seconds")}
