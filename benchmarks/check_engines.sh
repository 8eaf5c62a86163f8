#!/usr/bin/env bash
# Runs the examples of docs/batch.md on real engines, in a fresh environment, and compares their decisions row by row.
# Needs a package index, or pip's cache, and a checkout in whose .venv the package is installed with its build's packages.
#   benchmarks/check_engines.sh
set -euo pipefail
cd "$(dirname "$0")/.."
unset PYTHONDONTWRITEBYTECODE # each start of Python would compile again what pip leaves uncompiled
place="$(mktemp -d)"
trap 'rm -rf "$place"' EXIT
cp -r specs/quickstart "$place/spec" # a build leaves a lock beside its spec
.venv/bin/tracer-spec build -q "$place/spec/router.yaml" --out "$place/intents.tracer" >/dev/null
python3 -m venv --without-pip "$place/venv"
python3 -m pip --python "$place/venv/bin/python" install -q --no-compile '.[parquet]' duckdb polars daft 'dask[dataframe]' 'ray[data]'
RAY_USAGE_STATS_ENABLED=0 "$place/venv/bin/python" benchmarks/batch.py "$place/intents.tracer" specs/quickstart/traces.jsonl --rows 2000 --check
