"""Vectors that approximate search is measured on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

DIMENSION = 512


def clustered(size: int) -> Any:
    """Make float32 (size, 512) of length 1: 2,000 centres in 64 latent dimensions."""
    import numpy as np

    random = np.random.default_rng(0)
    basis = random.standard_normal((64, DIMENSION), dtype=np.float32) / 8
    centres = random.standard_normal((2000, 64), dtype=np.float32)
    latent = centres[random.integers(0, 2000, size)] + 0.6 * random.standard_normal((size, 64), np.float32)
    made = latent @ basis + 0.15 * random.standard_normal((size, DIMENSION), np.float32)
    return made / np.linalg.norm(made, axis=1, keepdims=True)


def emoji_patches(size: int) -> Any:
    """Make float32 (size, 512) of length 1: patches of 16 x 16 pixels of house/emoji, PCA from 768 to 512.

    Patches are two pixels apart downwards and one across; those of almost one colour are left out.
    """
    import numpy as np

    from kzoo.data.sources import open_source

    source, random = open_source("house/emoji"), np.random.default_rng(0)
    images = np.concatenate([source.arrays(split, image_size=(32, 32))["image"] for split in source.splits])
    windows = np.lib.stride_tricks.sliding_window_view(images, (16, 16), axis=(1, 2))[:, ::2]
    patches = windows.reshape(-1, 768)
    patches = patches[patches[:, ::8].std(axis=1) > 20]
    if len(patches) < size:
        raise SystemExit(f"house/emoji has {len(patches)} patches; expected {size} or more")
    chosen = patches[random.permutation(len(patches))[:size]].astype(np.float32)
    chosen -= chosen.mean(axis=0)
    _, axes = np.linalg.eigh(chosen[:50_000].T @ chosen[:50_000])
    reduced = chosen @ axes[:, -DIMENSION:].astype(np.float32)
    return reduced / np.linalg.norm(reduced, axis=1, keepdims=True)


DATA: dict[str, Callable[[int], Any]] = {"clustered": clustered, "emoji patches": emoji_patches}
