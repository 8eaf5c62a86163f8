"""The server needs none of the packages that a build needs."""

from __future__ import annotations

import subprocess
import sys

BUILDS = ("onnx", "pandas", "plotille", "scipy", "skl2onnx", "sklearn")
SCRIPT = """
import sys
from tracer_spec_serve.app import App
from tracer_spec_serve.live import Live
from tracer_spec_serve.settings import Settings
App(Live(Settings(bundles=(sys.argv[1],), upstream="http://127.0.0.1:1"), None), None)
loaded = sys.modules.keys()
print(sorted({name.partition(".")[0] for name in loaded} & set(%r)))
print(sorted({name for name in loaded if name.startswith(("tracer_spec.flow", "tracer_spec.builtin", "tracer_spec.cli"))}))
"""


def test_an_app_that_serves_imports_nothing_of_a_build(bundle):
    command = [sys.executable, "-c", SCRIPT % (BUILDS,), str(bundle)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("[]\n[]\n", 0), done.stderr
