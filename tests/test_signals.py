"""A build that is ended by a signal takes its workers with it: nobody keeps holding its output open."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tracer_spec.cli.commands.route_streams import output
from tracer_spec.testing.distribution import put_distribution

ROOT = Path(__file__).parents[1]
AT_MOST_S = 120
"""How long a build may take to end before it counts as hung."""
SPEC = """\
version: 1
name: small
traces:
  use: jsonl
  with: {path: traces.jsonl}
embedder: {use: lsa, with: {dim: 8}}
zoo: [{use: endless, as: one}, {use: endless, as: two}]
families: [l2d]
split: {certify: 0.1}
target: {agreement: 0.8}
"""
# says that it trains, and never comes to an end
ENDLESS = """
import os, time
from tracer_spec.plugin import Plugin, hookimpl

class Endless:
    def fit(self, X, y, *, n_classes, seed):
        os.write(2, b"it trains\\n")  # in one piece, beside another process
        while True:
            time.sleep(1)

def make(options):
    return Endless()

@hookimpl
def tracer_spec_surrogates():
    yield Plugin("endless", "never comes to an end", make)
"""


def hangs_up():
    """Let a child meet SIGHUP, which a run under nohup ignores and hands down."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture
def training(tmp_path):
    """Start a build, and return it once both of its workers train."""
    put_distribution(tmp_path, "endless", "1", {"endless": "endless_module"}, endless_module=ENDLESS)
    (tmp_path / "router.yaml").write_text(SPEC)
    # as many rows times labels as it takes to be worth a second process
    rows = ({"id": f"e{i}", "input": f"text {i}", "teacher": f"label {i % 200}"} for i in range(2000))
    (tmp_path / "traces.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    started = []

    def start(*arguments):
        process = subprocess.Popen(
            [*arguments, sys.executable, "-m", "tracer_spec", "build", "router.yaml", "--workers", "2"],
            preexec_fn=hangs_up,
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path}", "OMP_NUM_THREADS": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        started.append(process)
        watchdog = threading.Timer(AT_MOST_S, process.kill)
        watchdog.start()
        said, n_training = [], 0
        while n_training < 2:
            line = process.stderr.readline()
            said.append(line)
            assert line, f"the build ended before it trained: {said}"
            n_training += line == "it trains\n"
        watchdog.cancel()
        return process

    yield start
    for process in started:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


@pytest.mark.parametrize(
    ("number", "code", "cause"),
    [
        (signal.SIGINT, 130, "interrupted"),
        (signal.SIGTERM, 143, "ended by SIGTERM"),
        (signal.SIGHUP, 129, "ended by SIGHUP"),
    ],
)
def test_a_signal_ends_a_build_and_its_workers(training, tmp_path, number, code, cause):
    process = training()
    process.send_signal(number)
    # comes back when the last process that holds the output has ended
    stdout, stderr = process.communicate(timeout=AT_MOST_S)
    assert (process.returncode, stdout) == (code, "")
    assert stderr.splitlines()[-1] == f"{cause}; the bundle was not written"
    assert not (tmp_path / "dist").exists()


def test_the_workers_of_a_killed_build_end_by_themselves(training):
    process = training()
    process.kill()
    process.communicate(timeout=AT_MOST_S)
    assert process.returncode == -signal.SIGKILL


def test_a_hangup_that_is_ignored_stays_ignored(training):
    process = training("nohup")
    process.send_signal(signal.SIGHUP)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=AT_MOST_S)
    assert process.returncode == 143


def test_a_build_in_an_app_leaves_its_signal_handlers_alone(tmp_path):
    program = """
import signal, tracer_spec as ts
numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
before = [signal.getsignal(each) for each in numbers]
during = []
spec = {"version": 1, "name": "x", "traces": {"use": "jsonl", "with": {"path": "t.jsonl"}}}
try:
    ts.build(spec, observe=lambda event: during.append([signal.getsignal(each) for each in numbers]))
except ts.TracerError:
    pass
assert during and all(each == before for each in during), during
assert [signal.getsignal(each) for each in numbers] == before
"""
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=True, timeout=AT_MOST_S)


# two workers that have answered, and wait for more
WAITING = """
import os, sys
from tracer_spec.cli.commands.route_workers import start_workers
if __name__ == "__main__":
    with start_workers(2) as workers:
        while len({workers.pool.submit(os.getpid).result() for _ in range(20)}) < 2:
            pass
        print("ready", flush=True)
        sys.stdin.read()
"""
# Ctrl-C, which reaches all processes of a terminal, while the workers still import
INTERRUPTED = """
import os, signal
from tracer_spec.cli.commands.route_workers import start_workers
if __name__ == "__main__":
    try:
        with start_workers(2):
            os.killpg(0, signal.SIGINT)
            signal.pause()
    except KeyboardInterrupt:
        print("interrupted")
"""
# Ctrl-C before the first line of the command line has run
IMPORTING = """
import os, signal, sys
class Interrupt:
    def find_spec(self, name, *_):
        if name == "tracer_spec.cli.main":
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Interrupt())
import tracer_spec.cli
"""


def script(folder: Path, text: str) -> subprocess.Popen[str]:
    path = folder / "script.py"
    path.write_text(text)
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen([sys.executable, path], **pipes, env=env, text=True, start_new_session=True)


def test_the_workers_of_a_killed_route_end_by_themselves(tmp_path):
    process = script(tmp_path, WAITING)
    try:
        assert process.stdout.readline() == "ready\n"
        process.kill()
        # comes back when the last process that holds the output has ended
        process.communicate(timeout=AT_MOST_S)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def test_an_interrupt_is_heard_by_the_process_that_answers_and_by_no_worker(tmp_path):
    process = script(tmp_path, INTERRUPTED)
    assert process.communicate(timeout=AT_MOST_S) == ("interrupted\n", "")


def test_an_interrupt_while_the_command_line_is_imported_is_quiet(tmp_path):
    process = script(tmp_path, IMPORTING)
    assert process.communicate(timeout=AT_MOST_S) == ("", "")
    assert process.returncode == -signal.SIGINT


def test_what_a_killed_route_left_half_written_is_removed_by_the_next_one(tmp_path):
    out = tmp_path / "out.jsonl"
    killed = script(
        tmp_path,
        f"""
import os, signal
from tracer_spec.cli.commands.route_streams import output
with output({str(out)!r}):
    os.kill(os.getpid(), signal.SIGKILL)
""",
    )
    killed.communicate(timeout=AT_MOST_S)
    assert len(list(tmp_path.glob("out.jsonl.tmp-*"))) == 1
    with output(str(out)) as file:
        file.write(b"{}\n")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["out.jsonl", "script.py"]
