#!/usr/bin/env bash
# Runs .venv's uv with the package sources that pip is configured to use: uv itself reads no pip settings.
# What uv has settings of its own for, in the environment, stays. VENV names another environment than .venv.
# usage: tools/uv.sh UV_ARGUMENT ...
set -euo pipefail

cd "$(dirname "$0")/.."
venv=${VENV-.venv}
pip_settings=$("$venv/bin/python" -m pip config list)

# As pip does, an environment variable goes before the section of a command, and that before global.
pip_setting() {
    local section value=""
    for section in :env: install global; do
        value=$(sed -n "s/^$section\.$1='\(.*\)'$/\1/p" <<<"$pip_settings" | sed 's/\\n/ /g; s/^ *//; s/ *$//')
        [ -z "$value" ] || break
    done
    printf '%s' "$value"
}

hand_over() {
    local variable=$1 setting=$2 separator=$3 value
    value=$(pip_setting "$setting")
    if [ -z "${!variable-}" ] && [ -n "$value" ]; then
        export "$variable=${value// /$separator}"
    fi
}

hand_over UV_DEFAULT_INDEX index-url ' '
hand_over UV_INDEX extra-index-url ' '
hand_over UV_FIND_LINKS find-links ','
hand_over SSL_CERT_FILE cert ' '
export UV_INDEX_STRATEGY=${UV_INDEX_STRATEGY-unsafe-best-match}  # look in all indexes, as pip does
export UV_HTTP_TIMEOUT=${UV_HTTP_TIMEOUT-180}

exec "$venv/bin/uv" "$@"
