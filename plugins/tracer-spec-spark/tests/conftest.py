"""One session of Spark for all tests, and bundles."""

from __future__ import annotations

import contextlib
import os
import sys

import pytest
from shop import HAS_JAVA, NO_JAVA, SHORT_LIVED, build, calls


@pytest.fixture(scope="session")
def spark(tmp_path_factory):
    if not HAS_JAVA:
        pytest.skip(NO_JAVA)
    os.environ["PYSPARK_PYTHON"] = sys.executable
    from pyspark.sql import SparkSession

    settings = {
        "spark.driver.memory": "1g",
        "spark.driver.extraJavaOptions": SHORT_LIVED,
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.ui.enabled": "false",
        "spark.log.level": "OFF",
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.shuffle.partitions": "3",
        "spark.sql.session.timeZone": "America/New_York",
    }
    builder = SparkSession.builder.master("local[2]")
    for key, value in settings.items():
        builder = builder.config(key, value)
    # Java starts workers in its own folder, which they import from
    with contextlib.chdir(tmp_path_factory.mktemp("java")):
        session = builder.getOrCreate()
    yield session
    session.stop()


@pytest.fixture(scope="session")
def bundle(tmp_path_factory):
    return build(tmp_path_factory.mktemp("bundle"), calls(1500))
