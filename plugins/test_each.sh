#!/usr/bin/env bash
# Installs each distribution of this folder beside tracer-spec, in a fresh environment of its own, as their users do, and runs
# its tests there, and test_installed.py; three of them at a time for two cores, since each waits for servers. Needs a package
# index, or pip's cache.
#   plugins/test_each.sh [NAME...]
#   plugins/test_each.sh --bring [NAME...]  only brings what they install into the folder TRACER_SPEC_WHEELS, for a run after it
set -uo pipefail
cd "$(dirname "$0")"
only_bring=
if [ "${1:-}" = --bring ]; then
  only_bring=1
  shift
fi
names=("$@")
if [ ${#names[@]} -eq 0 ]; then
  # those that take longest first
  names=(tracer-spec-spark tracer-spec-serve tracer-spec-duckdb tracer-spec-lightgbm tracer-spec-encoder tracer-spec-model2vec tracer-spec-openai)
  if python3 -c 'import torch' 2>/dev/null; then
    names+=(tracer-spec-sentence-transformers)
  else
    echo "tracer-spec-sentence-transformers: skipped, since it needs PyTorch, several GB; name it to test it"
  fi
fi
unset PYTHONDONTWRITEBYTECODE # each start of Python would compile again what pip leaves uncompiled
place="$(mktemp -d)"
trap 'rm -rf "$place"' EXIT
export TRACER_SPEC_CACHE="$place/cache" # nobody's vectors but those of this run

# every environment gets the same wheels: nothing is downloaded or built twice, and nothing is of the working tree
export wheels="${TRACER_SPEC_WHEELS:-$place/wheels}"
if [ ! -d "$wheels" ]; then
  folders=("${names[@]/#/./}")
  python3 -m pip wheel -q -w "$wheels" .. "${folders[@]/%/[dev]}" || exit 1
fi
[ -z "$only_bring" ] || exit 0

test_one() {
  local name="$1" named=(../test_installed.py)
  grep -q 'entry-points.tracer_spec' "$name/pyproject.toml" || named=() # no spec may name it
  # without a pip of its own, and without compiling what no test imports: half the time, and the same packages
  if ! { python3 -m venv --without-pip "$place/$name" &&
    python3 -m pip --python "$place/$name/bin/python" install -q --no-compile --no-index --find-links "$wheels" "$name[dev]" &&
    cd "$name" && "$place/$name/bin/python" -m pytest -c pyproject.toml --confcutdir=../.. -p no:cacheprovider -rs tests ${named[@]+"${named[@]}"}; } \
    >"$place/$name.txt" 2>&1; then
    echo "$name" >>"$place/failed"
  fi
  echo "== $name"
  cat "$place/$name.txt"
  rm -rf "${place:?}/$name"
}
export -f test_one
export place
printf '%s\n' "${names[@]}" | xargs -P 3 -I {} bash -c 'test_one {}'

# pytest's own last lines, added up
cat "$place"/*.txt | awk -v count="${#names[@]}" '
  / in [0-9.]+s/ { for (i = 1; i < NF; i++) if ($(i + 1) ~ /^(passed|failed|skipped|errors?),?$/) n[substr($(i + 1), 1, 4)] += $i }
  END { printf "%d passed, %d failed, %d skipped in %d distributions\n", n["pass"], n["fail"] + n["erro"], n["skip"], count }'
if [ -e "$place/failed" ]; then
  echo "failed: $(tr '\n' ' ' <"$place/failed")"
  exit 1
fi
