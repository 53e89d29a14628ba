from __future__ import annotations

import io
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kzoo.errors import RunError, UsageError
from kzoo.evaluation.pictures import (
    averaged,
    fusion_weights_picture,
    history_picture,
    top_activations_picture,
    top_channels,
)

FUSION = "epoch,branch_1_mean,branch_1_deviation,branch_2_mean,branch_2_deviation\n"


def opened(png: bytes) -> Image.Image:
    picture = Image.open(io.BytesIO(png))
    picture.load()
    assert picture.format == "PNG"
    return picture


def written(folder: Path, name: str, text: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(text)
    return folder


def test_channels_by_their_mean_the_lower_one_first() -> None:
    activations = np.zeros((2, 2, 4))
    activations[0, 0] = [4, 8, 0, 4]
    assert top_channels(activations, 3) == [(1, 2.0), (0, 1.0), (3, 1.0)]


def test_tables_are_averaged_over_the_epochs_that_all_have(tmp_path: Path) -> None:
    first = written(tmp_path / "1", "history.csv", "epoch,loss\n1,2.0\n2,1.0\n3,0.5\n")
    second = written(tmp_path / "2", "history.csv", "epoch,loss,val_accuracy\n1,4.0,.5\n2,2.0,.6\n")
    table = averaged([first / "history.csv", second / "history.csv"])
    assert {name: values.tolist() for name, values in table.items()} == {"epoch": [1, 2], "loss": [3.0, 1.5]}


def test_a_panel_a_system_two_a_row(tmp_path: Path) -> None:
    run = written(tmp_path / "1", "fusion_weights.csv", FUSION + "0,.5,0,.5,0\n1,.6,.1,.4,.2\n")
    one, two, three = (
        opened(fusion_weights_picture({name: [run] for name in names})) for names in ("a", "ab", "abc")
    )
    assert two.width == 2 * one.width
    assert (three.width, three.height) == (two.width, 2 * two.height)


def test_the_validation_panel_is_there_where_every_run_has_one(tmp_path: Path) -> None:
    with_it = written(tmp_path / "1", "history.csv", "epoch,loss,val_accuracy\n1,2.0,.5\n")
    without = written(tmp_path / "2", "history.csv", "epoch,loss\n1,2.0\n")
    both = opened(history_picture({"a": [with_it], "b": [with_it]}))
    assert both.width == 2 * opened(history_picture({"a": [with_it], "b": [without]})).width


@pytest.mark.parametrize("text", ["", "epoch,loss\n", "epoch,loss\n1,x\n", "epoch,loss\n1\n", "loss\n1\n"])
def test_a_broken_table_is_named(tmp_path: Path, text: str) -> None:
    run = written(tmp_path / "1", "history.csv", text)
    with pytest.raises(RunError, match=re.escape(str(run / "history.csv"))):
        history_picture({"a": [run]})


def test_no_table_is_named(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"fusion_weights\.csv"):
        fusion_weights_picture({"a": [tmp_path]})


def test_four_maps_of_each_branch_for_each_image() -> None:
    import kzoo

    images = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)
    tiny = {"stages": ((3, (6,)),) * 3, "branch_channels": 8}
    fused = opened(top_activations_picture(kzoo.create("cfn_a", **tiny), images, "global_contrast"))
    plain = opened(top_activations_picture(kzoo.create("cnn_a", **tiny), images, "global_contrast"))
    assert fused.height == plain.height
    assert fused.width / plain.width == pytest.approx(13 / 5, rel=0.01)
    with pytest.raises(UsageError, match=r"received uint8 \(2, 16, 32, 3\)"):
        top_activations_picture(kzoo.create("cnn_a", **tiny), images[:, :16], "global_contrast")
