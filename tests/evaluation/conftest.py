"""A small folder of images that a tiny network learns something of."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

COLOURS = {"blue": (40, 40, 220), "green": (40, 220, 40), "red": (220, 40, 40)}
EXAMPLES = {"train": 10, "validation": 4, "test": 6}


@pytest.fixture(scope="session")
def small_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("small") / "colours"
    generator = np.random.default_rng(5)
    for split, count in EXAMPLES.items():
        for name, colour in COLOURS.items():
            (folder / split / name).mkdir(parents=True)
            for number in range(count):
                pixels = generator.integers(0, 256, (32, 32, 3), dtype=np.uint8)
                row, column = generator.integers(0, 16, 2)
                pixels[row : row + 16, column : column + 16] = colour
                Image.fromarray(pixels).save(folder / split / name / f"{number}.png")
    return folder
