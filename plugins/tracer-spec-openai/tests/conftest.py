from __future__ import annotations

import sys
from pathlib import Path

import pytest

# pytest's importlib mode leaves the path alone, and the server is no test
sys.path.insert(0, str(Path(__file__).parent))

from openai_endpoint import Endpoint


@pytest.fixture
def endpoint():
    served = Endpoint()
    yield served
    served.close()
