"""Whether anything was committed since one last asked: by this process, by another, on any connection."""

import subprocess
import sys
from pathlib import Path

from bot.adapters.store.commits import Commits
from bot.adapters.store.sql import SqlStore, open_engine


def beat(store: SqlStore) -> None:
    store.transact(lambda tx: tx.beat("web", at=1.0))


def test_it_tells_of_each_commit_once(store: SqlStore) -> None:
    changed = store.commits()
    assert changed(), "before the first look anything may have happened"
    assert not changed()
    beat(store)
    assert changed()
    assert not changed()
    store.read(lambda tx: tx.beats())
    assert not changed(), "a look changes nothing"


def test_a_commit_of_another_process_is_told(store: SqlStore) -> None:
    changed = store.commits()
    changed()
    file = store.engine.url.database
    words = f"import sqlite3; c = sqlite3.connect({file!r}); c.execute('DELETE FROM beats'); c.commit()"
    subprocess.run([sys.executable, "-c", words], check=True)
    assert changed()


def test_a_database_that_cannot_be_asked_may_have_changed(tmp_path: Path) -> None:
    (tmp_path / "folder.db").mkdir()
    changed = Commits(open_engine(f"sqlite:///{tmp_path}/folder.db"))
    assert changed()
    assert changed()
