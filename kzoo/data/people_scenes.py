"""Which persons, outfits and poses the rendered set has, and in which splits; and the rendering of many.

Everything is drawn from numbers: a scene's picture is a function of its split and three numbers, whichever
process renders it. Splits draw from generators of their own, so no person or outfit is in two of them.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from kzoo.data.people_body import SHA256
from kzoo.data.people_render import Picture, render
from kzoo.data.people_wardrobe import draw_identity, draw_outfit, draw_turns
from kzoo.data.progress import progress_bar
from kzoo.errors import DataError

SEED = 8
SPLITS = ("train", "validation", "test")
SCENES_A_PROCESS = 48

_SOURCES = ("body", "dress", "parts", "raster", "render", "scenes", "wardrobe")


class Size(NamedTuple):
    """How many pairs a split has, and of how many persons; each pair has an outfit of its own."""

    pairs: int
    persons: int


SIZES: Mapping[str, Mapping[str, Size]] = {
    "house/people": {"train": Size(1000, 250), "validation": Size(100, 40), "test": Size(200, 80)},
    "house/people:few": {"train": Size(24, 8), "validation": Size(8, 4), "test": Size(8, 4)},
}


class Scene(NamedTuple):
    """A picture to be rendered: numbers of a person, an outfit and a pose of a split."""

    split: str
    person: int
    outfit: int
    pose: int


class Pair(NamedTuple):
    """Two pictures, and the true one of the reference's person and pose in the condition's outfit."""

    condition: Scene
    reference: Scene
    target: Scene


def pairs_of(split: str, size: Size) -> list[Pair]:
    """Return the pairs of a split.

    Of "train" both pictures show one person in one outfit, so the reference is the target. In the other
    splits two persons in two outfits meet.
    """
    pairs = []
    for number in range(size.pairs):
        person = number % size.persons
        condition = Scene(split, person, number, 2 * number)
        if split == "train":
            reference = target = condition._replace(pose=2 * number + 1)
        else:
            other = (person + 1 + number // size.persons % (size.persons - 1)) % size.persons
            reference = Scene(split, other, (number + 1) % size.pairs, 2 * number + 1)
            target = reference._replace(outfit=number)
        pairs.append(Pair(condition, reference, target))
    return pairs


def render_scene(scene: Scene) -> Picture:
    """Draw a scene.

    Raises:
        DataError: as `render`.
    """

    def random(kind: int, number: int) -> np.random.Generator:
        return np.random.default_rng([SEED, SPLITS.index(scene.split), kind, number])

    return render(
        draw_identity(random(0, scene.person)),
        draw_outfit(random(1, scene.outfit)),
        draw_turns(random(2, scene.pose)),
    )


def render_scenes(scenes: Sequence[Scene], description: str) -> Iterator[Picture]:
    """Yield the pictures of scenes, in order, rendered by as many processes as there are processors.

    Args:
        description: for the progress bar.

    Raises:
        DataError: if a process fails; the message ends with what it said.
    """
    parts = [scenes[start : start + SCENES_A_PROCESS] for start in range(0, len(scenes), SCENES_A_PROCESS)]
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as threads:
        waiting = [threads.submit(_rendered_elsewhere, part) for part in parts]
        try:
            pictures = (picture for one in waiting for picture in one.result())
            yield from progress_bar(pictures, description, total=len(scenes))
        finally:
            for one in waiting:
                one.cancel()


def recipe_hash(name: str) -> str:
    """Return a SHA-256, in hexadecimal, that changes with the sizes, the mesh, and the code that draws."""
    digest = hashlib.sha256(json.dumps([SEED, SIZES[name], SHA256]).encode())
    for source in _SOURCES:
        digest.update(Path(__file__).with_name(f"people_{source}.py").read_bytes())
    return digest.hexdigest()


def _rendered_elsewhere(scenes: Sequence[Scene]) -> list[Picture]:
    """Render scenes in a process of its own, which imports neither TensorFlow nor the caller's script."""
    root = str(Path(__file__).parents[2])
    paths = os.pathsep.join([root, *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [sys.executable, "-m", __name__],
        input=json.dumps(scenes).encode(),
        capture_output=True,
        check=False,
        env={**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
    )
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip()[-400:]
        raise DataError(f"rendering persons ended with exit code {done.returncode}: {said}")
    with np.load(io.BytesIO(done.stdout)) as arrays:
        rows = zip(arrays["image"], arrays["parts"], arrays["key_points"], strict=True)
        return [Picture(*row) for row in rows]


def main() -> None:
    """Render the scenes that stand on stdin as JSON, and write their arrays to stdout as NPZ."""
    pictures = [render_scene(Scene(*scene)) for scene in json.load(sys.stdin)]
    arrays: dict[str, Any] = {
        name: np.stack([getattr(picture, name) for picture in pictures])
        for name in ("image", "parts", "key_points")
    }
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    sys.stdout.buffer.write(buffer.getvalue())


if __name__ == "__main__":
    main()
