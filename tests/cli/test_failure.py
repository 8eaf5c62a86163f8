"""What a reader is told of an exception."""

from __future__ import annotations

import errno
import os

import pytest

from tracer_spec.cli.failure import failure_of


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.ENOENT, "relative paths start at the current folder, and a folder to write into must be there"),
        (errno.ENOTDIR, "name a folder where a file is named"),
        (errno.EISDIR, "name a file where a folder is named"),
        (errno.EACCES, "let this user read and write there, or name another place"),
        (errno.EPERM, "let this user read and write there, or name another place"),
        (errno.EROFS, "let this user read and write there, or name another place"),
        (errno.ENOSPC, "make room there, or name another place"),
        (errno.EDQUOT, "make room there, or name another place"),
        (errno.EFBIG, "make room there, or name another place"),
        (errno.EMFILE, "let a process open more files ('ulimit -n')"),
    ],
)
def test_what_the_environment_refuses_is_told_with_a_remedy(number, remedy):
    (problem,) = failure_of(OSError(number, os.strerror(number), "place")).problems
    assert (problem.where, problem.what, problem.hint) == ("place", os.strerror(number).lower(), remedy)


def test_another_error_of_the_environment_is_told_as_it_is():
    failure = failure_of(OSError(None, "the compressed file is damaged", "a.jsonl.gz"))
    (problem,) = failure.problems
    assert (failure.exit_code, problem.what, problem.hint) == (1, "the compressed file is damaged", "")
