"""The try-it page in headless Chromium, against a server in its own process."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import PIL.Image
import processes
import pytest
from chromium import browser, choose, drawn, give, save, transfer_of
from google.protobuf import json_format
from playwright.sync_api import Browser, FileChooser, Page, expect
from rest_models import SEGMENTS, photograph, write_pictures
from serving_helpers import ServerProcess, StartServer, strings, write_model
from tensorflow_serving.apis import predict_pb2

from kzoo.serving import Client
from kzoo.serving.tensors import to_array

DESK = {"width": 1100, "height": 900}
PHONE = {"width": 390, "height": 780}


@pytest.fixture(scope="module")
def ui_server(tmp_path_factory: pytest.TempPathFactory, start_server: StartServer) -> ServerProcess:
    base = tmp_path_factory.mktemp("ui")
    write_pictures(base / "pictures" / "1")
    write_model(base / "tiny" / "1", seed=1)
    server = start_server(base, "--rest-port", "0", "--ui")
    with Client(server.address) as client:
        for model in ("pictures", "tiny"):
            client.wait_until_ready(model)
    return server


@pytest.fixture(scope="module")
def grpc_client(ui_server: ServerProcess) -> Iterator[Client]:
    with Client(ui_server.address) as client:
        yield client


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as started:
        yield started


@pytest.fixture
def page(chromium: Browser, ui_server: ServerProcess) -> Iterator[Page]:
    """The page, freshly opened; an error of its scripts or policy, or a foreign address, fails the test."""
    context = chromium.new_context(viewport=DESK, permissions=["clipboard-read", "clipboard-write"])
    page = context.new_page()
    page.set_default_timeout(60_000)
    complaints: list[str] = []
    hosts: set[str] = set()
    page.on("console", lambda message: complaints.append(message.text) if message.type == "warning" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: hosts.add(urlsplit(request.url).netloc))
    page.goto(ui_server.http["try"])
    yield page
    context.close()
    assert complaints == []
    assert hosts - {""} == {urlsplit(ui_server.http["try"]).netloc}


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    return save(photograph(1), tmp_path / "it's a picture.png")


def test_labels_of_a_picture(page: Page, picture: Path, grpc_client: Client) -> None:
    choose(page, "tiny", "serving_default")
    give(page, image_bytes=picture)
    best = grpc_client.classify("tiny", [picture])[0].best
    rows = page.locator("#answer tbody tr")
    expect(rows).to_have_text([f"{name}{100 * score:.1f} %" for name, score in best])
    expect(page.get_by_role("status")).to_have_text(
        re.compile(r"^[\d.]+ ms in the server, [\d.]+ ms in all$")
    )


def test_edges_are_drawn(page: Page, picture: Path, grpc_client: Client) -> None:
    choose(page, "pictures", "serving_default")
    give(page, image_bytes=picture)
    expected = grpc_client.predict("pictures", {"image_bytes": strings(picture.read_bytes())})["edges"]
    found = drawn(page, "#answer canvas")
    assert found.shape == (48, 64, 3)
    assert np.abs(found[..., 0] / 255 - expected[0, :, :, 0]).max() < 1 / 200


def test_a_label_map_lies_over_the_picture_with_its_legend(page: Page, picture: Path) -> None:
    choose(page, "pictures", "segment")
    give(page, image_bytes=picture)
    gray = np.asarray(PIL.Image.open(picture).convert("L"))
    legend = page.locator("#answer .legend li")
    expect(legend).to_have_count(len(SEGMENTS))
    items = legend.all_text_contents()
    assert {item.split()[0] for item in items} == set(SEGMENTS)
    shares = {item.split()[0]: float(item.split()[1]) for item in items}
    assert shares["dark"] == pytest.approx(100 * np.mean(gray < 86), abs=2)
    found = drawn(page, "#answer canvas")
    shown = photograph(1)
    disc = (slice(20, 28), slice(28, 36))
    assert np.ptp(found[disc].reshape(-1, 3), axis=0).max() == 0
    assert not np.array_equal(found[disc], shown[disc])


def test_a_translation_is_shown(page: Page, picture: Path) -> None:
    choose(page, "pictures", "translate")
    give(page, image_bytes=picture)
    assert np.array_equal(drawn(page, "#answer img"), 255 - photograph(1))


def test_a_swap_takes_two_pictures(page: Page, picture: Path, tmp_path: Path) -> None:
    choose(page, "pictures", "swap")
    page.locator("input[name=condition_bytes]").set_input_files(picture)
    page.get_by_role("button", name="Ask").click()
    expect(page.get_by_role("alert")).to_have_text("nothing is given for reference_bytes")
    give(page, reference_bytes=save(photograph(3), tmp_path / "reference.png"))
    expected = np.concatenate([photograph(1)[:, :32], photograph(3)[:, 32:]], axis=1)
    assert np.abs(drawn(page, "#answer canvas").astype(int) - expected).max() <= 1


def test_neighbours_of_a_text(page: Page) -> None:
    choose(page, "pictures", "search")
    page.get_by_label("text").fill("a red lake")
    page.keyboard.press("Control+Enter")
    rows = page.locator("#answer tbody tr")
    expect(rows).to_have_count(3)
    expect(rows.first).to_contain_text("a red house")
    expect(page.locator("#answer tbody img")).to_have_count(3)


def test_vectors_and_numbers(page: Page, picture: Path) -> None:
    choose(page, "pictures", "embed")
    give(page, image_bytes=picture)
    expect(page.locator("#answer")).to_contain_text("192 numbers, norm 1.000")
    choose(page, "pictures", "mean")
    give(page, image=picture)
    expect(page.locator("#answer .text")).to_have_text(re.compile(r"^[\d.]+, [\d.]+, [\d.]+$"))
    choose(page, "pictures", "scale")
    page.get_by_label("x").fill("[[1, 0]]")
    page.get_by_label("by").fill("3")
    page.get_by_role("button", name="Ask").click()
    expect(page.locator("#answer .text")).to_have_text(["0, -Infinity", "3, 0"])


def test_a_picture_is_kept_for_the_next_signature(page: Page, picture: Path) -> None:
    choose(page, "pictures", "serving_default")
    give(page, image_bytes=picture)
    page.get_by_label("Signature").select_option("translate")
    expect(page.locator("#answer img")).to_have_count(1)
    page.get_by_label("Model").select_option("tiny")
    expect(page.locator("#answer tbody tr")).to_have_count(2)


@pytest.mark.parametrize(("name", "options"), [("turned.jpg", {}), ("picture.webp", {"lossless": True})])
def test_a_picture_that_the_server_would_not_see_as_it_is_shown_becomes_a_png(
    page: Page, tmp_path: Path, name: str, options: dict[str, Any]
) -> None:
    if name.endswith("jpg"):
        exif = PIL.Image.Exif()
        exif[0x0112] = 6
        options = {"exif": exif, "quality": 95}
    choose(page, "pictures", "translate")
    give(page, image_bytes=save(photograph(1), tmp_path / name, **options))
    expect(page.locator(".drop")).to_contain_text(f"{name}, sent as PNG")
    expected = 255 - photograph(1)
    expected = np.rot90(expected, -1) if name.endswith("jpg") else expected
    assert np.abs(drawn(page, "#answer img").astype(int) - expected).mean() < 3


def test_a_picture_can_be_dropped_or_pasted(page: Page, picture: Path) -> None:
    choose(page, "tiny", "serving_default")
    transfer = transfer_of(page, picture)
    page.locator(".drop").dispatch_event("drop", {"dataTransfer": transfer})
    expect(page.locator("#answer tbody tr")).to_have_count(2)
    choose(page, "pictures", "swap")
    for _ in range(2):
        page.evaluate(
            """(clipboardData) => {
                document.dispatchEvent(new ClipboardEvent("paste", { clipboardData }));
            }""",
            transfer,
        )
        page.wait_for_timeout(200)
    expect(page.locator("#answer canvas")).to_have_count(1)


def test_it_can_be_used_by_keyboard_alone(page: Page, picture: Path) -> None:
    choosers: list[FileChooser] = []

    def keep(chooser: FileChooser) -> None:
        choosers.append(chooser)

    page.on("filechooser", keep)  # from now on: asked for with the key press, it may come too late
    expect(page.get_by_label("Signature").locator("option").first).to_be_attached()
    page.keyboard.press("Tab")
    expect(page.get_by_label("Model")).to_be_focused()
    page.keyboard.type("tiny")
    expect(page.get_by_label("Signature").locator("option", has_text="echo")).to_be_attached()
    page.keyboard.press("Tab")
    expect(page.get_by_label("Signature")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.locator("input[name=image_bytes]")).to_be_focused()
    page.keyboard.press("Enter")
    while not choosers:
        page.wait_for_timeout(50)
    choosers[0].set_files(picture)
    expect(page.locator("#answer tbody tr")).to_have_count(2)
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Ask")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("[data-copy=python]")).to_have_text("Copied")


@pytest.mark.parametrize("signature", ["serving_default", "segment", "swap", "search", "embed", "scale"])
def test_it_fits_a_phone(page: Page, picture: Path, signature: str) -> None:
    page.set_viewport_size(PHONE)
    choose(page, "pictures", signature)
    files = page.locator("input[type=file]")
    for index in range(files.count()):
        files.nth(index).set_input_files(picture)
    texts = page.locator("textarea")
    for index in range(texts.count()):
        texts.nth(index).fill(
            {"by": "2", "x": "[[1, 2]]"}.get(texts.nth(index).get_attribute("name"), "a lake")
        )
    page.get_by_role("button", name="Ask").click()
    expect(page.locator("#calls")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    for control in page.locator("select:visible, button:visible").all():
        box = control.bounding_box()
        assert box is not None
        assert box["height"] >= 40


def test_errors_are_said_and_do_not_last(page: Page, picture: Path, tmp_path: Path) -> None:
    choose(page, "tiny", "serving_default")
    text = tmp_path / "notes.txt"
    text.write_text("no picture")
    page.locator("input[name=image_bytes]").set_input_files(text)
    expect(page.get_by_role("alert")).to_have_text("notes.txt is no picture that this browser can show")
    choose(page, "pictures", "scale")
    page.get_by_label("x").fill("[[1, 2, 3]]")
    page.get_by_label("by").fill("1")
    page.get_by_role("button", name="Ask").click()
    expect(page.get_by_role("alert")).to_contain_text("must be float32 [?, 2]; received float32 [1, 3]")
    page.get_by_label("x").fill("[[1, 2")
    page.get_by_role("button", name="Ask").click()
    expect(page.get_by_role("alert")).to_contain_text("x is no JSON")
    choose(page, "tiny", "serving_default")
    give(page, image_bytes=picture)
    expect(page.get_by_role("alert")).to_be_hidden()


@pytest.mark.parametrize("signature", ["serving_default", "search", "scale", "mean"])
def test_the_line_of_python_makes_the_same_call(
    page: Page, picture: Path, grpc_client: Client, signature: str
) -> None:
    ask_with_odd_characters(page, picture, signature)
    line = page.locator("#python").text_content()
    assert line is not None
    assert "\n" not in line
    done = processes.run("-c", line, cwd=picture.parent, check=True)
    for name, array in same_call(picture, grpc_client, signature).items():
        assert f"'{name}': {array!r}" in done.stdout


@pytest.mark.parametrize("signature", ["serving_default", "search", "scale"])
def test_the_line_of_grpcurl_makes_the_same_call(
    page: Page, picture: Path, ui_server: ServerProcess, grpc_client: Client, signature: str
) -> None:
    ask_with_odd_characters(page, picture, signature)
    line = page.locator("#grpcurl").text_content()
    done = subprocess.run(
        ["bash", "-c", line],
        cwd=picture.parent,
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
    )
    response = json_format.Parse(done.stdout, predict_pb2.PredictResponse())
    expected = same_call(picture, grpc_client, signature)
    assert response.outputs.keys() == expected.keys()
    for name, array in expected.items():
        assert to_array(response.outputs[name], max_bytes=1 << 20).tolist() == array.tolist()


def ask_with_odd_characters(page: Page, picture: Path, signature: str) -> None:
    choose(page, "tiny" if signature == "serving_default" else "pictures", signature)
    if signature in ("serving_default", "mean"):
        name = "image_bytes" if signature == "serving_default" else "image"
        page.locator(f"input[name={name}]").set_input_files(picture)
    else:
        values = {"text": 'it\'s 100 % "red"\\ \né', "x": "[[1.5, 2], [3, 4e2]]", "by": "2"}
        for area in page.locator("textarea").all():
            area.fill(values[area.get_attribute("name") or ""])
        page.get_by_role("button", name="Ask").click()
    expect(page.locator("#calls")).to_be_visible()


def same_call(picture: Path, client: Client, signature: str) -> dict[str, np.ndarray]:
    if signature == "serving_default":
        return client.predict("tiny", {"image_bytes": strings(picture.read_bytes())})
    if signature == "mean":
        pixels = PIL.Image.open(picture).resize((6, 4))
        return client.predict("pictures", {"image": np.asarray(pixels, np.float32)[None]}, signature="mean")
    if signature == "search":
        text = {"text": strings('it\'s 100 % "red"\\ \né'.encode())}
        return client.predict("pictures", text, signature="search")
    numbers = {"x": np.float32([[1.5, 2], [3, 400]]), "by": np.int32(2)}
    return client.predict("pictures", numbers, signature="scale")
