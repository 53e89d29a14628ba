#!/usr/bin/env bash
# Sets up, then runs every check and test. See usage below.
set -euo pipefail

usage() {
    cat <<'TEXT'
usage: tools/test.sh [--fast] [PYTEST_ARGUMENT ...]

Sets up (tools/setup.sh), then runs ruff, mypy, the import contracts, and pytest. All of them run even where
one fails; the exit code is 0 only if none did. Takes up to 40 minutes on two cores. Where no browser can be
had, the tests of the try-it page are left out, and a line before pytest's says so.

  --fast    leave out the tests marked slow

Other arguments go to pytest, as tests/layers or -k fusion. Tests run in two processes; -n0 runs them in one.
TEXT
}

selection=()
case "${1-}" in
    -h | --help) usage; exit 0 ;;
    --fast) selection=(-m "not slow"); shift ;;
esac

cd "$(dirname "$0")/.."
bash tools/setup.sh
export PATH="$PWD/.venv/bin:$PATH"
failed=()

check() {
    local name=$1
    shift
    printf '\n== %s\n' "$name"
    "$@" || failed+=("$name")
}

printf '\n== browser for the tests of the try-it page\n'
left_out=""
if ! bash tools/browser.sh; then
    left_out="No Chromium could be had: tests/serving/test_try_it_page.py is left out. KZOO_CHROMIUM names one."
    selection+=(--ignore=tests/serving/test_try_it_page.py)
fi
check "ruff: rules" ruff check .
check "ruff: format" ruff format --check .
check "mypy" mypy
check "import contracts" lint-imports

printf '\n== pytest\n'
[ "${#failed[@]}" -eq 0 ] || printf 'failed before pytest: %s\n' "${failed[*]}"
[ -z "$left_out" ] || printf '%s\n' "$left_out"
export TF_NUM_INTRAOP_THREADS=${TF_NUM_INTRAOP_THREADS-1}  # two test processes share the cores
if [ -x .venv-graph/bin/python ]; then
    check "pytest: ScaNN inside a SavedModel, in .venv-graph" .venv-graph/bin/python -m pytest -q \
        tests/serving/test_scann_in_graph.py
fi
python -m pytest -n 2 --dist loadfile --no-loadscope-reorder "${selection[@]}" "$@" || failed+=(pytest)

[ "${#failed[@]}" -eq 0 ]
