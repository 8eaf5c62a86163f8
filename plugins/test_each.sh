#!/usr/bin/env bash
# Installs each distribution of this folder beside tracer-spec, in an environment of its own, and runs its tests there.
#   plugins/test_each.sh [NAME...]      sentence-transformers only by name, since it needs PyTorch, several GB
set -euo pipefail
cd "$(dirname "$0")"
names=("$@")
[ ${#names[@]} -gt 0 ] || names=(tracer-spec-duckdb tracer-spec-lightgbm tracer-spec-model2vec tracer-spec-openai)
for name in "${names[@]}"; do
  echo "== $name"
  environment="$(mktemp -d)"
  python3 -m venv "$environment"
  "$environment/bin/pip" install -q .. "./$name[dev]"
  (cd "$name" && "$environment/bin/python" -m pytest)
  rm -rf "$environment"
done
