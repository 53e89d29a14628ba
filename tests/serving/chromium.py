"""Headless Chromium, driven by Playwright, and what a person does on the try-it page."""

from __future__ import annotations

import base64
import io
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
from playwright.sync_api import Browser, Page, Playwright, expect, sync_playwright

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


def save(pixels: np.ndarray, path: Path, **options: Any) -> Path:
    PIL.Image.fromarray(pixels).save(path, **options)
    return path


def choose(page: Page, model: str, signature: str) -> None:
    page.get_by_label("Model").select_option(model)
    page.get_by_label("Signature").select_option(signature)


def give(page: Page, **files: Path) -> None:
    for name, path in files.items():
        page.locator(f"input[name={name}]").set_input_files(path)
    expect(page.get_by_role("status")).to_contain_text("ms in all")


def drawn(page: Page, selector: str) -> np.ndarray:
    """Return what a canvas or a picture shows, uint8 (H, W, 3)."""
    url = page.locator(selector).evaluate(
        """async (element) => {
            if (element.tagName === "CANVAS") return element.toDataURL();
            await element.decode();
            const canvas = document.createElement("canvas");
            [canvas.width, canvas.height] = [element.naturalWidth, element.naturalHeight];
            canvas.getContext("2d").drawImage(element, 0, 0);
            return canvas.toDataURL();
        }"""
    )
    encoded = base64.b64decode(url.partition(",")[2])
    return np.asarray(PIL.Image.open(io.BytesIO(encoded)).convert("RGB"))


def transfer_of(page: Page, picture: Path) -> Any:
    return page.evaluate_handle(
        """(encoded) => {
            const bytes = Uint8Array.from(atob(encoded), (character) => character.charCodeAt(0));
            const transfer = new DataTransfer();
            transfer.items.add(new File([bytes], "dropped.png", { type: "image/png" }));
            return transfer;
        }""",
        base64.b64encode(picture.read_bytes()).decode(),
    )
