from __future__ import annotations

import json
import shutil
from pathlib import Path

import keras
import pytest

from kzoo import registry
from kzoo.errors import ExportError
from kzoo.export import check_card, read_card
from kzoo.export.page import render_page


@pytest.fixture
def copy(exported: Path, tmp_path: Path) -> Path:
    return shutil.copytree(exported, tmp_path / "1")


def edit(folder: Path, **changes: object) -> None:
    path = folder / "card.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_a_card_says_what_can_be_recomputed(exported: Path) -> None:
    card = check_card(exported)
    assert card == read_card(exported)
    system = registry.find("cfn_a")
    model = system.build(**system.tiny, classes=8)
    assert card.parameters.trainable == card.parameters.total == model.count_params()
    keras_file = exported / "model.keras"
    assert card.files["model.keras"].bytes == keras_file.stat().st_size
    assert "assets.extra/tf_serving_warmup_requests" in card.files
    assert card.verification.requests == 6
    assert card.licence.code == "Apache-2.0"
    assert card.environment["tensorflow"]


def test_the_page_shows_the_card(exported: Path) -> None:
    page = (exported / "card.md").read_text()
    assert page == render_page(read_card(exported))
    assert page.startswith("# cfn_a, version 1\n")
    assert read_card(exported).files["saved_model.pb"].sha256 in page


def test_a_changed_byte_is_found(copy: Path) -> None:
    variables = copy / "variables" / "variables.data-00000-of-00001"
    content = bytearray(variables.read_bytes())
    content[100] ^= 1
    variables.write_bytes(content)
    with pytest.raises(ExportError, match=r"variables\.data-00000-of-00001 has SHA-256"):
        check_card(copy)


def test_missing_longer_and_added_files_are_found(copy: Path) -> None:
    (copy / "fingerprint.pb").unlink()
    (copy / "weights.pkl").write_bytes(b"added")
    with (copy / "saved_model.pb").open("ab") as file:
        file.write(b"more")
    with pytest.raises(ExportError) as caught:
        check_card(copy)
    message = str(caught.value)
    assert "fingerprint.pb is missing" in message
    assert "weights.pkl is not in the card" in message
    assert "saved_model.pb has" in message


def test_another_model_is_found(copy: Path) -> None:
    system = registry.find("cfn_b")
    system.build(**{**system.tiny, "branch_channels": 9}, classes=3).save(copy / "model.keras")
    with pytest.raises(ExportError) as caught:
        check_card(copy)
    assert "parameters; the card says" in str(caught.value)
    assert "has 3 outputs; the card names 8 classes" in str(caught.value)


def test_a_keras_file_that_cannot_be_loaded_is_found(copy: Path) -> None:
    (copy / "model.keras").write_bytes(b"no zip")
    with pytest.raises(ExportError, match=r"is not a \.keras file that can be loaded"):
        check_card(copy)


def test_a_changed_card_is_found(copy: Path) -> None:
    edit(copy, parameters={"trainable": 1, "total": 1})
    with pytest.raises(ExportError, match=r"(?s)trainable=1 total=1.*card\.md is not the page of card\.json"):
        check_card(copy)


def test_a_changed_page_is_found(copy: Path) -> None:
    page = copy / "card.md"
    page.write_text(page.read_text().replace("float32", "float64"))
    with pytest.raises(ExportError, match=r"card\.md is not the page"):
        check_card(copy)


def test_cards_that_are_none_are_refused(copy: Path, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="is no export folder"):
        read_card(tmp_path / "nowhere")
    edit(copy, stars=5)
    with pytest.raises(ExportError, match="stars: Extra inputs are not permitted"):
        read_card(copy)
    (copy / "card.json").write_text("{")
    with pytest.raises(ExportError, match="is no card: Invalid JSON"):
        read_card(copy)


def test_a_frozen_model_has_fewer_trainable_parameters(exported: Path) -> None:
    from kzoo.export.check import count_parameters

    model = keras.saving.load_model(exported / "model.keras")
    model.get_layer("conv1_1").trainable = False
    counted = count_parameters(model)
    assert counted.total - counted.trainable == 3 * 3 * 3 * 6 + 6
