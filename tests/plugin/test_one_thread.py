"""The bound of one thread, in a process that may use two."""

import os
import subprocess
import sys

PROGRAM = """
import numpy
from threadpoolctl import threadpool_info
from tracer_spec.plugin.one_thread import one_thread

def most():
    return max(library["num_threads"] for library in threadpool_info() if library["user_api"] == "openmp")

with one_thread(), one_thread():
    pass
import sklearn.linear_model  # brings OpenMP
found = [most()]
with one_thread():
    found.append(most())
    with one_thread():
        found.append(most())
    found.append(most())
print(*found, most())
"""


def test_a_library_uses_one_thread_within_though_it_came_late_and_as_many_as_before_after():
    env = {**os.environ, "OMP_NUM_THREADS": "2"}
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=env, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("2 1 1 1 2\n", "")
