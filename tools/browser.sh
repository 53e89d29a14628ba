#!/usr/bin/env bash
# Makes sure that there is a Chromium for the tests of the try-it page. See usage below.
set -euo pipefail

usage() {
    cat <<'TEXT'
usage: tools/browser.sh

Prints the Chromium that the tests of the try-it page will use, after installing one where there is none:
Debian's, where apt-get may be used, else the one that Playwright downloads.

  KZOO_CHROMIUM=/path/to/chromium   the Chromium to use
TEXT
}

case "${1-}" in
    "") ;;
    -h | --help) usage; exit 0 ;;
    *) echo "browser: unknown argument $1" >&2; usage >&2; exit 2 ;;
esac

cd "$(dirname "$0")/.."

find_chromium() {
    PYTHONPATH=tests/serving .venv/bin/python - <<'PYTHON'
import sys

from chromium import executable
from playwright.sync_api import sync_playwright

with sync_playwright() as playwright:
    try:
        print(executable(playwright))
    except FileNotFoundError:
        sys.exit(1)
PYTHON
}

find_chromium && exit
if command -v apt-get > /dev/null && [ "$(id -u)" -eq 0 ]; then
    apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends chromium
    find_chromium && exit
fi
.venv/bin/python -m playwright install chromium
find_chromium
