import gc
import importlib
import signal
import sys

import pytest
from hypothesis import HealthCheck, settings

from tests.letters import MODULE, put_letters

# an example may take as long as it takes: how long that is says more about the machine than about the code
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")


@pytest.fixture(scope="session", autouse=True)
def no_cache(tmp_path_factory):
    """Train what a test says it trains, and keep away from the cache of whoever runs the tests; tests of it turn it on."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRACER_SPEC_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("TRACER_SPEC_CACHE_MB", "0")
        yield


@pytest.fixture(scope="session", autouse=True)
def no_surroundings():
    """Hide what the surroundings tell of themselves: a CI server, a build's time, the 80 columns of pytest-xdist's workers."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("CI", "COLUMNS", "FORCE_COLOR", "GITHUB_WORKSPACE", "NO_COLOR", "SOURCE_DATE_EPOCH"):
            patch.delenv(name, raising=False)
        yield


@pytest.fixture(scope="session", autouse=True)
def interruptible():
    """Hear Ctrl-C, here and in every process started from here: a shell ignores it for what it runs in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def no_collector():
    """Collect no garbage: an alarm that is raised inside hypothesis's callback of the collector is lost there."""
    gc.disable()
    yield
    gc.enable()


@pytest.fixture
def letters(tmp_path, monkeypatch):
    """Install the plugin ``letters`` for this process."""
    put_letters(tmp_path / "site")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    importlib.invalidate_caches()
    yield
    sys.modules.pop(MODULE, None)
