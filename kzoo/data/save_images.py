"""Examples of a source as image files, for trying a server or another program on them."""

from __future__ import annotations

import io
import re
from pathlib import Path

from kzoo.data.data_source import DataSource
from kzoo.errors import UsageError
from kzoo.files import write_atomic


def save_images(
    source: DataSource, split: str, folder: Path, *, count: int, image_size: tuple[int, int] | None = None
) -> list[Path]:
    """Write examples of a split, evenly spread over it, as FOLDER/CLASS/ID.png, and return the paths.

    Args:
        count: how many; all of them if there are fewer.
        image_size: (height, width) in pixels, or None for the source's own.

    Raises:
        UsageError: if `count` is below 1.
        UnknownNameError: if the source has no such split.
    """
    from PIL import Image

    if count < 1:
        raise UsageError(f"count must be 1 or more; received {count}")
    examples = source.read(split, image_size=image_size)
    stride = max(1, source.splits[split].examples // count)
    paths = []
    for example in examples.shard(stride, 0).take(count).as_numpy_iterator():
        png = io.BytesIO()
        Image.fromarray(example["image"]).save(png, "PNG")
        path = (
            folder
            / _file_name(source.classes[example["label"]])
            / f"{_file_name(example['id'].decode())}.png"
        )
        write_atomic(path, png.getvalue())
        paths.append(path)
    return paths


def _file_name(text: str) -> str:
    return re.sub(r"[^\w.-]+", "-", text).strip("-.") or "unnamed"
