"""`kzoo data house/people:few --images` and `kzoo query --condition --reference`, against a real server."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from kzoo import registry
from kzoo.cli import app
from kzoo.data.people import open_people
from kzoo.data.people_parts import HEAD_TABLE
from kzoo.errors import UsageError
from kzoo.export import export_model
from kzoo.serving import ServerConfig, serve


def kzoo(*arguments: object) -> str:
    ended = CliRunner().invoke(app, [str(one) for one in arguments], catch_exceptions=False)
    assert ended.exit_code == 0, ended.output
    return ended.output


def test_a_swap_is_asked_for_by_two_pictures(tmp_path: Path) -> None:
    said = kzoo("data", "house/people:few", "--split", "test", "--images", tmp_path / "persons", "--count", 1)
    assert "wrote 3 images" in said
    condition, reference = (
        next((tmp_path / "persons").glob(f"*-{one}.png")) for one in ("condition", "reference")
    )
    keras.utils.set_random_seed(0)
    system = registry.find("swapgan")
    export_model(system.build(**system.tiny), system, out=tmp_path / "models", quiet=True)
    out = tmp_path / "swapped.png"
    with serve(ServerConfig(base=tmp_path / "models", port=0)) as server:
        asked = ["query", "swapgan", "--server", server.address]
        kzoo(*asked, "--condition", condition, "--reference", reference, "-o", out)
    swapped = np.asarray(Image.open(out))
    pairs = open_people("house/people:few").pairs("test")
    head = HEAD_TABLE[pairs.reference.parts[0]][..., 0] == 1
    assert head.any()
    np.testing.assert_array_equal(swapped[head], pairs.reference.images[0][head])
    assert np.any(swapped[~head] != pairs.reference.images[0][~head])


@pytest.mark.parametrize(
    "arguments",
    [
        ["--condition", "a.png"],
        ["--condition", "a.png", "--reference", "b.png"],
        ["--pose", "a.json", "-o", "c.png"],
    ],
)
def test_half_a_swap_is_refused(arguments: list[str]) -> None:
    with pytest.raises(UsageError, match="--condition, --reference and --out"):
        CliRunner().invoke(app, ["query", "swapgan", *arguments], catch_exceptions=False)
