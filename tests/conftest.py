import signal

import pytest


@pytest.fixture(scope="session", autouse=True)
def cache_of_its_own(tmp_path_factory):
    """Keep what builds remember away from the cache of whoever runs the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRACER_SPEC_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.delenv("TRACER_SPEC_CACHE_MB", raising=False)
        yield


@pytest.fixture(scope="session", autouse=True)
def interruptible():
    """Hear Ctrl-C, here and in every process started from here: a shell ignores it for what it runs in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
