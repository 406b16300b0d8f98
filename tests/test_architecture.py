"""The shape of the code, held by tests: file sizes, docstrings, one broad except, no mocks, who loads writers."""

import ast
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PRODUCT = sorted((ROOT / "bot").rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
MOST_LINES = 400
WRITERS = "bot.adapters.executors"


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def test_files_stay_small_and_say_what_they_are() -> None:
    assert len(PRODUCT) > 300
    long = [name(path) for path in PRODUCT + TESTS if path.read_text().count("\n") > MOST_LINES]
    assert long == [], f"more than {MOST_LINES} lines"
    silent = [name(path) for path in PRODUCT + TESTS if not ast.get_docstring(parsed(path))]
    assert silent == [], "they do not say what they are"


def test_packages_hold_a_docstring_only() -> None:
    for path in PRODUCT:
        if path.name == "__init__.py":
            body = parsed(path).body
            assert len(body) == 1, f"{name(path)} holds code"


def test_one_broad_except() -> None:
    found = []
    for path in PRODUCT:
        for node in ast.walk(parsed(path)):
            broad = isinstance(node, ast.ExceptHandler) and (
                node.type is None
                or (isinstance(node.type, ast.Name) and node.type.id in ("Exception", "BaseException"))
            )
            if broad and not any(isinstance(inner, ast.Raise) and inner.exc is None for inner in node.body):
                found.append(name(path))
    assert found == ["bot/boundary.py"]


def test_no_shell_no_eval_no_pickle_no_mock() -> None:
    banned = {"os.system", "eval", "exec", "pickle.loads", "os.popen"}
    for path in PRODUCT:
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.Call):
                assert ast.unparse(node.func) not in banned, name(path)
                shell = [keyword for keyword in node.keywords if keyword.arg == "shell"]
                assert not shell, f"{name(path)} starts a shell"
    for path in TESTS:
        assert "unittest" + ".mock" not in path.read_text(), name(path)


_MODEL_CLIENT = "langchain langchain_openai openai"


@pytest.mark.parametrize(
    ("process", "foreign"),
    [
        ("web", f"{WRITERS} {_MODEL_CLIENT}"),
        ("correlator", f"{WRITERS} {_MODEL_CLIENT}"),
        ("worker", WRITERS),
        ("executor", _MODEL_CLIENT),
    ],
)
def test_only_the_executor_loads_a_writer_and_only_the_worker_a_model(process: str, foreign: str) -> None:
    program = (
        f"import sys, bot.wiring.{process}\n"
        f"print([m for m in sys.modules for f in {foreign.split()!r} if m == f or m.startswith(f + '.')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, env=os.environ, check=True
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("process", ["web", "correlator", "executor"])
def test_a_process_that_runs_for_weeks_holds_no_library_that_it_never_uses(process: str) -> None:
    """Each of these takes 2 to 12 MB; the worker has the model's client, which brings some of them."""
    command = "serve" if process == "web" else process
    program = (
        "import sys\nfrom bot.cli.main import main\n"
        f"sys.argv = ['watchkeeper', {command!r}, '--help']\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "heavy = ('pydantic', 'typer', 'rich', 'pygments', 'greenlet', 'alembic', 'numpy',"
        " 'sqlalchemy.dialects.postgresql')\n"
        "print([name for name in heavy if sys.modules.get(name)])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"
