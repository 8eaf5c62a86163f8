import signal

import pytest


@pytest.fixture(scope="session", autouse=True)
def no_cache(tmp_path_factory):
    """Train what a test says it trains, and keep away from the cache of whoever runs the tests; tests of it turn it on."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRACER_SPEC_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("TRACER_SPEC_CACHE_MB", "0")
        yield


@pytest.fixture(scope="session", autouse=True)
def interruptible():
    """Hear Ctrl-C, here and in every process started from here: a shell ignores it for what it runs in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
