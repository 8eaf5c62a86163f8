"""``tracer-spec serve`` where its distribution, or a package of it, is not installed."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import sys
sys.modules[sys.argv[1]] = None  # as if it were not installed
from tracer_spec.cli import main
sys.exit(main(["serve", "intents.tracer"]))
"""


def test_the_command_that_installs_it_is_named():
    command = [sys.executable, "-c", SCRIPT, "tracer_spec_serve"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    said = "serving needs the distribution tracer-spec-serve, which is not installed"
    assert done.stderr == f"{said}\n  hint: pip install tracer-spec-serve (./plugins/tracer-spec-serve in a clone)\n"


def test_it_is_listed_without_being_installed():
    done = subprocess.run([sys.executable, "-m", "tracer_spec", "--help"], capture_output=True, text=True, check=True)
    assert "  serve " in done.stdout
