"""Headless Chromium, driven by Playwright."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Playwright, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")


@contextmanager
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=executable(playwright))
        yield started
        started.close()


def executable(playwright: Playwright) -> str:
    """Return $KZOO_CHROMIUM, else a Chromium on the PATH, else the one that Playwright downloaded."""
    found = [os.environ.get("KZOO_CHROMIUM"), *map(shutil.which, NAMES), playwright.chromium.executable_path]
    for path in found:
        if path and Path(path).is_file():
            return path
    raise FileNotFoundError(
        "no Chromium for the tests of the page: run tools/browser.sh, or set KZOO_CHROMIUM to one"
    )
