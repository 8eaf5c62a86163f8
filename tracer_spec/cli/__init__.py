"""The command line: the only place that prints or exits. One file per verb, imported when called."""

from tracer_spec.cli.start import quietly_interrupted

with quietly_interrupted():
    from tracer_spec.cli.main import main

__all__ = ["main"]
