"""Measure the plugin ``encoder``: processor time for each text in a build and alone, and whether a text has one vector.

    pip install ./plugins/tracer-spec-encoder
    python benchmarks/encoder.py ../shared/models/all-minilm-l6-v2-int8 ../shared/data/banking77_test.jsonl --json encoder.json

MODEL is a folder with an ONNX model and its ``tokenizer.json``; TRACES holds one text a line under ``input``. The first
``--texts`` of them are embedded as a build does it, and then one by one, as requests come; with ``--together N``, N messages
as one text.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from tracer_spec_encoder import EncoderOptions
from tracer_spec_encoder.embedder import EncoderEmbedder


def processor_ms(call: Callable[[], Any], n_texts: int) -> tuple[Any, float]:
    """Return what a call gives and its processor time for each text."""
    began = time.process_time()
    found = call()
    return found, (time.process_time() - began) * 1000 / n_texts


def measured(embedder: EncoderEmbedder, texts: list[str]) -> dict[str, float]:
    """Return one row of the table."""
    together, build_ms = processor_ms(lambda: embedder.embed(texts), len(texts))
    alone, alone_ms = processor_ms(lambda: np.concatenate([embedder.embed([text]) for text in texts]), len(texts))
    return {
        "characters": float(np.median([len(text) for text in texts])),
        "build_ms": build_ms,
        "alone_ms": alone_ms,
        "furthest": float(np.abs(together - alone).max()),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="folder of the model")
    parser.add_argument("traces", type=Path, help="JSON lines with the text under input")
    parser.add_argument("--file", help="the model's file in the folder, where there are several")
    parser.add_argument("--texts", type=int, default=500)
    parser.add_argument("--together", type=int, nargs="*", default=[1, 10], help="messages written as one text")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    lines = asked.traces.read_text(encoding="utf-8").splitlines()[: asked.texts]
    texts = [str(json.loads(line)["input"]) for line in lines]
    embedder = EncoderEmbedder(EncoderOptions.model_validate({"path": asked.model, "file": asked.file}))
    _, load_ms = processor_ms(lambda: embedder.embed(texts[:1]), 1)
    print(f"loaded in {load_ms:.0f} processor ms")
    rows = {}
    print(
        "| messages as one text | characters, median | ms in a build | ms alone | furthest apart |\n|---:|---:|---:|---:|---:|"
    )
    for times in asked.together:
        kept = texts if times == 1 else [" ".join(texts[at : at + times]) for at in range(0, len(texts) - times, times)]
        rows[times] = row = measured(embedder, kept)
        print(
            f"| {times} | {row['characters']:.0f} | {row['build_ms']:.2f} | {row['alone_ms']:.2f} | {row['furthest']:.2g} |"
        )
    versions = {name: version(name) for name in ("numpy", "onnxruntime", "tokenizers", "tracer-spec-encoder")}
    if asked.json:
        document = {"load_ms": load_ms, "rows": rows, "versions": versions, "python": platform.python_version()}
        asked.json.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
