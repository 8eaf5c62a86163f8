"""The sample of docs/batch.md that makes vectors in Spark, and a build on them."""

from __future__ import annotations

import re
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import tracer_spec as ts
from shop import calls, write_lines

PAGE = Path(__file__).parents[3] / "docs" / "batch.md"
# stands for a package of some gigabytes, with the one call that the sample makes
ENCODER = """
import numpy as np

WORDS = ("back", "return", "refund", "parcel", "delivery", "courier", "password", "log", "email", "close")


class SentenceTransformer:
    def __init__(self, name):
        assert name == "BAAI/bge-m3"

    def encode(self, texts):
        return np.array([[word in text for word in WORDS] + [len(text)] for text in texts], np.float32)
"""


def test_the_pages_sample_makes_the_vectors_that_a_build_reads(spark, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sentence_transformers.py").write_text(ENCODER)
    spark.sparkContext.addPyFile(str(tmp_path / "sentence_transformers.py"))
    rows = calls(1500)
    pq.write_table(pa.table({"text": [row["input"] for row in rows]}), "requests.parquet")
    (sample,) = re.findall(r"```python embed=spark\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    in_this_folder = re.sub(r'"(\w+\.parquet)"', lambda name: repr(str(tmp_path / name[1])), sample)
    exec(in_this_folder, {"spark": spark})
    write_lines(tmp_path / "traces.jsonl", rows)
    spec = {
        "version": 1,
        "name": "elsewhere",
        "traces": {"use": "jsonl", "with": {"path": "traces.jsonl"}, "repeats": "traffic"},
        "embedder": {"use": "precomputed", "with": {"path": "vectors.parquet", "model": "BAAI/bge-m3"}},
        "zoo": ["logreg"],
        "target": {"agreement": 0.8},
    }
    result = ts.build(spec, out="elsewhere.tracer", cache=False)
    assert result.status == "certified"
    assert ts.load(result.bundle).dimension == 11
