"""Edge detectors trained on photographs: by the published recipes on a small BSDS500, after coarse edges."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from edge_fakes import BSDS, fake_bsds
from PIL import Image

from kzoo import registry
from kzoo.data.builders.bsds500 import Bsds500
from kzoo.data.edge_sources import open_edges
from kzoo.errors import UsageError
from kzoo.evaluation.evaluate import evaluate_run
from kzoo.training.run_folder import Run
from kzoo.training.strategy import make_strategy
from kzoo.training.train import Training, train

TINY = ["options.weights=null", "options.blocks=[[1,4],[1,6],[1,8],[1,8],[3,8]]", "batch_size=2"]


@pytest.fixture
def bsds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KZOO_CACHE", str(tmp_path))
    monkeypatch.setattr(Bsds500, "IMAGES", {split: len(names) for split, names in BSDS.items()})
    folder = tmp_path / "datasets" / "downloads" / "manual"
    folder.mkdir(parents=True)
    fake_bsds(folder)
    return tmp_path


def trained(
    name: str, recipe: str, out: Path, *changes: str, data: str = "", start: Path | None = None
) -> Run:
    system = registry.find(name)
    chosen = system.recipe(recipe).override([*(TINY if start is None else ["options={}", TINY[2]]), *changes])
    return train(
        Training(
            system=system,
            recipe_name=recipe,
            recipe=chosen,
            source=open_edges(data or chosen.data.name),
            out=out,
            strategy=make_strategy(),
            start=start,
            quiet=True,
        )
    )


@pytest.mark.slow
def test_published_recipes_train_on_bsds_after_coarse_edges_of_segments(bsds: Path) -> None:
    side = "pipeline.image_size=[32,32]"
    folder = bsds / "segments"
    for number in range(2):
        for part in ("images", "labels"):
            (folder / "train" / part).mkdir(parents=True, exist_ok=True)
        np.save(folder / "train" / "labels" / f"{number}.npy", np.tile(np.arange(32) > 9 + number, (32, 1)))
        picture = bsds / "datasets" / "downloads" / "manual" / "BSR/BSDS500/data/images/train/100075.jpg"
        with Image.open(picture) as image:
            image.resize((32, 32)).save(folder / "train" / "images" / f"{number}.png")
    coarse = trained("hed", "published_cea", bsds / "cea", side, "steps=2", data=f"segments:{folder}")
    changes = (side, "steps=2", "data.validation_split=validation")
    run = trained("hed", "published_rds_canny", bsds / "rds", *changes, start=coarse.weights_path())
    found = evaluate_run(run, open_edges("bsds500"))
    assert found.examples == 3
    assert all(0 <= found.metrics[name] <= 1 for name in ("ods", "ois", "ap"))


@pytest.mark.slow
def test_fcfn_learns_at_one_size_and_answers_at_all(bsds: Path) -> None:
    fixed = ("pipeline.image_size=[32,48]", "steps=1", "options.image_size=[32,48]")
    with pytest.raises(UsageError, match=r"built for images of \(32, 32\).*fusion_grid=resize"):
        trained("fcfn_edge", "hed", bsds / "no", "options.image_size=[32,32]", *fixed[:2], data="bsds500")
    run = trained("fcfn_edge", "published_hed", bsds / "run", *fixed)
    assert run.model("final").get_layer("fused").grid == (32, 48)
    assert evaluate_run(run, open_edges("bsds500")).examples == 3
