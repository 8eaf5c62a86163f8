"""``python -m tracer_spec``: the command line."""

import sys

from tracer_spec.cli import main

if __name__ == "__main__":
    sys.exit(main())
