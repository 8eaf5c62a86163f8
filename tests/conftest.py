import signal

import pytest


@pytest.fixture(scope="session", autouse=True)
def interruptible():
    """Hear Ctrl-C, here and in every process started from here: a shell ignores it for what it runs in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
