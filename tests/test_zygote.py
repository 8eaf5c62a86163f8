"""A command by a fork comes to what a command by a start comes to."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from tests.zygote import COMMAND, call, python_path, zygote

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere each command is started")

SPEC = (
    "version: 1\nname: small\ntraces: {use: jsonl, with: {path: none.jsonl}}\nembedder: lsa\ntarget: {agreement: 0.9}\n"
)
ENVIRON = {**os.environ, "OMP_NUM_THREADS": "1"}


@pytest.mark.parametrize(
    ("args", "stdin", "code"),
    [
        (["validate", "-"], SPEC, 0),
        (["validate", "-", "--json"], SPEC.replace("small", "größe 漢"), 2),
        (["validate", "nowhere.yaml"], "", 2),
        (["plan", "router.yaml", "-q"], "", 1),
        (["--help"], "", 0),
        (["valdate"], "", 2),
    ],
)
def test_it_tells_the_same_and_ends_with_the_same_code(tmp_path, args, stdin, code):
    (tmp_path / "router.yaml").write_text(SPEC)
    started = subprocess.run(
        [*COMMAND, *args], cwd=tmp_path, env=ENVIRON, input=stdin, capture_output=True, encoding="utf-8", check=False
    )
    forked = zygote().run(args, tmp_path, ENVIRON, stdin)
    assert started.returncode == code
    assert (forked.returncode, forked.stdout, forked.stderr) == (code, started.stdout, started.stderr)


def test_it_has_streams_a_folder_and_an_environment_of_its_own(tmp_path):
    asks = (
        "import os, sys; print(os.getcwd(), os.environ['X'], sys.path[0], *map(os.isatty, range(3)), sys.stdin.read())"
    )
    done = zygote().run(["--version"], tmp_path, {"X": "own"}, "told", asks)
    assert done.stdout.startswith(f"{tmp_path} own {tmp_path} False False False told\n")
    assert (
        zygote()
        .run(["--version"], tmp_path, {}, before="import os; print('X' in os.environ)")
        .stdout.startswith("False")
    )


def test_one_that_is_killed_or_goes_wrong_leaves_the_next_one_whole(tmp_path):
    killed = zygote().run(["--version"], tmp_path, ENVIRON, before="import os; os.kill(os.getpid(), 9)")
    wrong = zygote().run(["--version"], tmp_path, ENVIRON, before="import sys; sys.modules['json'].loads = 0; 1 / 0")
    assert (killed.returncode, wrong.returncode) == (-signal.SIGKILL, 1)
    assert wrong.stderr.endswith("ZeroDivisionError: division by zero\n")
    assert call("--version", cwd=tmp_path).returncode == 0


def test_a_folder_of_modules_is_on_its_path_where_a_start_has_it(tmp_path):
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "a_module_of_mine.py").write_text("import sys\nprint(__file__, *sys.path)\nsys.exit()\n")
    asks, env = "import a_module_of_mine", ENVIRON | {"PYTHONPATH": python_path(tmp_path / "site")}
    assert zygote().fits(env)
    started = subprocess.run(
        [sys.executable, "-c", asks], cwd=tmp_path, env=env, capture_output=True, encoding="utf-8", check=False
    )
    (file, _, *path), (its_file, its_cwd, *its_path) = (
        each.stdout.split(" ") for each in (started, zygote().run([], tmp_path, env, before=asks))
    )
    assert (file, path) == (its_file, its_path)
    assert its_cwd == str(tmp_path)


@pytest.mark.parametrize("name", ["sitecustomize", "usercustomize", "json", "numpy", "onnxruntime"])
def test_a_folder_of_modules_that_python_has_anyway_takes_a_start(tmp_path, name):
    (tmp_path / f"{name}.py").write_text("")
    assert not zygote().fits(ENVIRON | {"PYTHONPATH": python_path(tmp_path)})


@pytest.mark.parametrize("name", ["PYTHONPATH", "PYTHONHASHSEED", "OMP_NUM_THREADS", "LC_ALL", "HOME", "ANY"])
def test_a_variable_that_a_start_may_read_takes_a_start(name):
    assert zygote().fits(ENVIRON | {"COLUMNS": "80", "TRACER_SPEC_CACHE": "there"})
    assert not zygote().fits(ENVIRON | {name: "2"})
