"""Playbooks that a child read are those that the adapter reads, and its refusals come in its words."""

import sys
from pathlib import Path

import pytest

from bot.adapters.playbooks import yaml_files
from bot.domain.errors import Permanent
from bot.settings import Settings
from bot.wiring.apart import playbooks_of

PLAYBOOKS = Path(__file__).resolve().parents[3] / "playbooks"


def test_the_child_hands_over_what_the_adapter_reads() -> None:
    chosen = Settings(playbooks_dir=PLAYBOOKS)
    read = playbooks_of(chosen)
    assert read
    assert tuple(read) == tuple(yaml_files.build(chosen).all())


def test_a_finding_is_told_as_the_adapter_tells_it(tmp_path: Path) -> None:
    (tmp_path / "broken.yaml").write_text("id: [")
    with pytest.raises(Permanent) as own:
        yaml_files.build(Settings(playbooks_dir=tmp_path))
    with pytest.raises(Permanent) as apart:
        playbooks_of(Settings(playbooks_dir=tmp_path))
    assert str(apart.value) == str(own.value)
    assert "broken.yaml:" in str(own.value)


def test_a_child_that_dies_is_no_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "bot.adapters.playbooks.yaml_files", None)
    with pytest.raises(Permanent, match="could not be read"):
        playbooks_of(Settings(playbooks_dir=tmp_path))
