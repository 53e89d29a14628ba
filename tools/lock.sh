#!/usr/bin/env bash
# Writes the locked requirements anew from pyproject.toml and requirements/*.in. See usage below.
set -euo pipefail

usage() {
    cat <<'TEXT'
usage: tools/lock.sh [--upgrade | --upgrade-package NAME ...]

Writes requirements/*.txt, with hashes, for Python 3.11 on Linux x86_64. What is locked already stays as it
is where pyproject.toml still allows it; --upgrade takes the newest of all, --upgrade-package of one.
Arguments are passed on to `uv pip compile`. Then run tools/setup.sh, tools/test.sh, and commit the result.
TEXT
}

case "${1-}" in
    -h | --help) usage; exit 0 ;;
esac

cd "$(dirname "$0")/.."
[ -x .venv/bin/uv ] || { echo "lock: no .venv/bin/uv; run tools/setup.sh first" >&2; exit 1; }

compile() {
    bash tools/uv.sh pip compile --quiet --python-version 3.11 --python-platform x86_64-manylinux_2_39 \
        --generate-hashes --no-annotate --no-header "$@"
    echo "lock: ${*: -1} written"
}

compile pyproject.toml --extra all "$@" -o requirements/all-py311.txt
compile pyproject.toml --extra serving --constraint requirements/all-py311.txt "$@" -o requirements/serving-py311.txt
compile pyproject.toml requirements/graph.in --extra graph "$@" -o requirements/graph-py311.txt
compile requirements/data-files.in --no-deps "$@" -o requirements/data-files.txt
compile requirements/uv.in "$@" -o requirements/uv.txt
