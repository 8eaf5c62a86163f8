"""A PostgreSQL server of this test run's own, on loopback."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

BINARIES = next((str(each) for each in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)), None)
PASSWORD = "hunt:er/2"


def program(name: str) -> str | None:
    return shutil.which(name, path=BINARIES) if BINARIES else shutil.which(name)


def _is_user(name: str) -> bool:
    import pwd

    return name in {each.pw_name for each in pwd.getpwall()}


def missing() -> str:
    """Say why there can be no server; empty where there can."""
    if not all(map(program, ("initdb", "pg_ctl", "psql"))):
        return "initdb, pg_ctl and psql of PostgreSQL are not installed"
    if os.name != "posix":
        return "the server is started as POSIX has it"
    if os.geteuid() == 0 and not _is_user("postgres"):
        return "PostgreSQL does not run as root, and there is no user 'postgres'"
    return ""


@contextlib.contextmanager
def running() -> Iterator[int]:
    """Start a server in a folder of its own, give its port, and stop it."""
    # not a folder of pytest's: any other run of it closes those to every other user, the server's among them
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as made:
        folder = Path(made)
        user: dict[str, str] = {}
        if os.geteuid() == 0:  # the server refuses to run as root
            user = {"user": "postgres", "group": "postgres"}
            shutil.chown(folder, "postgres", "postgres")
        with _serving(folder, user) as port:
            yield port


@contextlib.contextmanager
def _serving(folder: Path, user: dict[str, str]) -> Iterator[int]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    data, word = folder / "data", folder / "password"
    word.write_text(PASSWORD)
    word.chmod(0o644)

    def run(*command: str, **given: object) -> None:
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd="/", **given)  # type: ignore[call-overload]

    initdb, control = program("initdb"), program("pg_ctl")
    assert initdb
    assert control
    run(
        initdb,
        "-D",
        str(data),
        "-U",
        "tester",
        "-A",
        "scram-sha-256",
        f"--pwfile={word}",
        "--no-sync",
        "-E",
        "UTF8",
        "--locale=C",
        **user,
    )
    given = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off"
    run(control, "-D", str(data), "-o", given, "-w", "-l", str(folder / "log"), "start", **user)
    try:
        yield port
    finally:
        run(control, "-D", str(data), "-m", "immediate", "stop", **user)


def execute(port: int, *statements: str) -> str:
    psql = program("psql")
    assert psql
    flags = [part for each in statements for part in ("-c", each)]
    done = subprocess.run(
        [psql, "-qtA", "-h", "127.0.0.1", "-p", str(port), "-U", "tester", "postgres", *flags],
        env={**os.environ, "PGPASSWORD": PASSWORD},
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip()
