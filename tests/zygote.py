"""The command line in processes of their own, forked from one that has imported what a build imports.

Most of what a command costs is the start of Python and the imports. A fork has memory, folder, environment, standard streams,
signals and exit code of its own, as a start has, and skips both. A command whose environment may mean another start is
started. So is what is about the start itself: such tests call ``subprocess``.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import gc
import importlib
import importlib.util
import os
import pkgutil
import re
import runpy
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from multiprocessing.reduction import recv_handle, send_handle
from pathlib import Path
from typing import TextIO

COMMAND = (sys.executable, "-m", "tracer_spec")
AT_MOST_S = 120
LATE = (
    r"(COMP|GITHUB|ORT|PYTEST|_?TRACER_SPEC)_\w+|CI|COLUMNS|FORCE_COLOR|NO_COLOR|SOURCE_DATE_EPOCH|TERM"
    r"|KEY|LEAKED_TO|LLM_TRACES|SECRET|SOME_API_KEY|WHERE|WHO"  # of specs and plugins of tests
)
"""Environment variables that a command reads as it runs. Python or an import may read any other."""

HEAVY = ("joblib", "rich.progress", "scipy.stats", "skl2onnx", "sklearn.ensemble", "sklearn.linear_model")
"""What a build imports as it goes, but onnxruntime and pyarrow: their imports start threads, which a fork loses."""

Done = subprocess.CompletedProcess[str]

_AFTER = """
import runpy
exec({!r}, {{}})
runpy.run_module("tracer_spec", run_name="__main__", alter_sys=True)
"""


def python_path(*folders: Path) -> str:
    """Return the value of PYTHONPATH that adds folders to what a command finds here."""
    return os.pathsep.join([*map(str, folders), *filter(None, [os.environ.get("PYTHONPATH")])])


def call(*args: str, cwd: Path, env: Mapping[str, str] | None = None, stdin: str = "", before: str = "") -> Done:
    """Run one command, after a program, with more environment variables; by a fork where that comes to the same."""
    whole = {**os.environ, "OMP_NUM_THREADS": "1", **(env or {})}
    if sys.platform == "linux" and zygote().fits(whole):
        return zygote().run(args, cwd, whole, stdin, before)
    streams = {"input": stdin, "capture_output": True, "encoding": "utf-8"}
    command = [sys.executable, "-c", _AFTER.format(before)] if before else COMMAND
    return subprocess.run([*command, *args], cwd=cwd, env=whole, timeout=AT_MOST_S, check=False, **streams)


@functools.cache
def zygote() -> Zygote:
    """Return the zygote of this process."""
    return Zygote({**os.environ, "OMP_NUM_THREADS": "1"})


class Zygote:
    """A process that forks for each command, one after the other; it ends with this one."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = dict(environ)
        self._connection, theirs = Pipe()
        with theirs:  # its standard streams are neither terminals nor files, as a command's, which get these objects
            streams = {"stdin": theirs, "stdout": theirs, "stderr": subprocess.PIPE}
            self._process = subprocess.Popen([sys.executable, __file__], env=self._environ, **streams)
        atexit.register(self._end)

    def _end(self) -> bytes:
        self._connection.close()
        return self._process.communicate(timeout=AT_MOST_S)[1]

    def fits(self, environ: Mapping[str, str]) -> bool:
        """Return whether a start in this environment would be the start that the zygote had, but for modules it can find."""
        added = self._added(environ)
        changed = {name for name, _ in self._environ.items() ^ environ.items()} - {"PYTHONPATH"}
        return (
            added is not None and all(map(_adds_modules, added)) and all(re.fullmatch(LATE, name) for name in changed)
        )

    def _added(self, environ: Mapping[str, str]) -> list[str] | None:
        """Return the folders that PYTHONPATH has before those of the zygote; None where it has not those."""
        paths, own = (
            list(filter(None, each.get("PYTHONPATH", "").split(os.pathsep))) for each in (environ, self._environ)
        )
        n_added = len(paths) - len(own)
        return paths[:n_added] if n_added >= 0 and paths[n_added:] == own else None

    def run(self, args: Sequence[str], cwd: Path, env: Mapping[str, str], stdin: str = "", before: str = "") -> Done:
        """Run one command in a fork, after a program."""
        with ThreadPoolExecutor() as pool, self.start(args, cwd, env, before) as fork:
            pool.submit(_write, fork.stdin, stdin)
            out, err = (pool.submit(each.read) for each in (fork.stdout, fork.stderr))
            return Done([*COMMAND, *args], fork.wait(), out.result(), err.result())

    def start(self, args: Sequence[str], cwd: Path, env: Mapping[str, str], before: str = "") -> Fork:
        """Start one command in a fork, after a program; the next one can start once somebody has waited for it."""
        (its_in, own_in), (own_out, its_out), (own_err, its_err) = (os.pipe() for _ in range(3))
        self._connection.send((args, str(cwd), dict(env), self._added(env) or [], before))
        for each in (its_in, its_out, its_err):
            send_handle(self._connection, each, None)
            os.close(each)
        try:
            pid = self._connection.recv()
        except EOFError:
            raise RuntimeError(self._end()) from None
        stdin = os.fdopen(own_in, "w", encoding="utf-8")
        stdout, stderr = (os.fdopen(each, encoding="utf-8") for each in (own_out, own_err))
        return Fork(pid, stdin, stdout, stderr, self._connection)


@dataclass(frozen=True)
class Fork:
    """A command that runs, and this side of its standard streams."""

    pid: int
    stdin: TextIO
    stdout: TextIO
    stderr: TextIO
    _zygote: Connection

    def __enter__(self) -> Fork:
        return self

    def __exit__(self, *_: object) -> None:
        for each in (self.stdout, self.stderr):
            each.close()
        with contextlib.suppress(BrokenPipeError):
            self.stdin.close()

    def kill(self) -> None:
        """End it by SIGKILL, if it has not ended."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)

    def wait(self) -> int:
        """Return its exit code once it has one."""
        if not self._zygote.poll(AT_MOST_S):
            self.kill()
        return self._zygote.recv()


def _adds_modules(folder: str) -> bool:
    """Return whether a folder has modules that are found nowhere else, so that none is imported yet or at Python's start."""
    names = (
        [each.stem for each in Path(folder).iterdir() if each.suffix != ".dist-info"] if Path(folder).is_dir() else []
    )
    return bool(names) and not any(name.endswith("customize") or importlib.util.find_spec(name) for name in names)


def _write(stream: TextIO, text: str) -> None:
    with contextlib.suppress(BrokenPipeError), stream:
        stream.write(text)


def serve(connection: Connection) -> None:
    """Fork for each command that is asked for, and tell its process and its exit code."""
    import tracer_spec

    for name in (*HEAVY, *(each.name for each in pkgutil.walk_packages(tracer_spec.__path__, "tracer_spec."))):
        if not name.endswith("__main__"):
            importlib.import_module(name)
    tracer_spec.flow.cache.learner_identity.own_identity()  # each build digests our sources and asks for its packages
    assert len(list(Path("/proc/self/task").iterdir())) == 1, "an import has started a thread"
    gc.freeze()  # or each fork's collector would copy all that was imported
    while True:
        command = connection.recv()
        descriptors = [recv_handle(connection) for _ in range(3)]
        pid = os.fork()
        if not pid:
            connection.close()
            become(descriptors, *command)
        for each in descriptors:
            os.close(each)
        connection.send(pid)
        connection.send(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))


def become(
    descriptors: Sequence[int],
    args: Sequence[str],
    cwd: str,
    env: Mapping[str, str],
    added: Sequence[str],
    before: str,
) -> None:
    """Be ``python -m tracer_spec`` to the end of the process."""
    code = 1
    try:
        for number, each in enumerate(descriptors):
            os.dup2(each, number)
            os.close(each)
        os.chdir(cwd)
        os.environ.clear()
        os.environ.update(env)
        sys.path[:1], sys.argv[1:] = [cwd, *added], args
        exec(before, {})
        runpy.run_module("tracer_spec", run_name="__main__", alter_sys=True)
    except SystemExit as end:
        code = end.code
    except BaseException:  # noqa: BLE001 - as Python does with what nobody caught
        traceback.print_exc()
    finally:  # as Python ends, but without taking apart all that was imported
        threading._shutdown()
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    with Connection(os.dup(0)) as parent, contextlib.suppress(EOFError, KeyboardInterrupt):
        serve(parent)
