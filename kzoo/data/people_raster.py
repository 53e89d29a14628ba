"""Triangles to pixels: which of a mesh's triangles is seen at each pixel, and where on it; NumPy alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Fragments:
    """Pixels that triangles cover, hidden ones as well.

    Attributes:
        pixel: int (N,), row times width plus column.
        triangle: int (N,), row of the mesh's triangles.
        shares: float64 (N, 3), how near the pixel's centre is to each corner; they sum to 1.
        depth: float64 (N,), the larger the nearer.
    """

    pixel: np.ndarray
    triangle: np.ndarray
    shares: np.ndarray
    depth: np.ndarray

    def chosen(self, rows: np.ndarray) -> Fragments:
        """Return some of them: by a mask (N,) or by their numbers."""
        return Fragments(self.pixel[rows], self.triangle[rows], self.shares[rows], self.depth[rows])

    def interpolate(self, triangles: np.ndarray, values: np.ndarray) -> np.ndarray:
        """Return values of vertices (V, K), interpolated over their triangles (T, 3): float64 (N, K)."""
        corners = values[triangles[self.triangle]]
        return np.einsum("nc,nck->nk", self.shares, corners)


def rasterize(vertices: np.ndarray, triangles: np.ndarray, size: tuple[int, int]) -> Fragments:
    """Return the pixels whose centres lie in triangles, edges included.

    Args:
        vertices: float64 (V, 3): column, row (the top left pixel's centre is at 0, 0) and nearness.
        triangles: int (T, 3). Those without an area cover nothing.
        size: (height, width); what lies beyond is cut off.
    """
    corners = vertices[triangles]
    low = np.ceil(corners[..., :2].min(axis=1)).clip(0, None).astype(np.int64)
    last = np.array([size[1] - 1, size[0] - 1])
    high = np.floor(corners[..., :2].max(axis=1)).clip(None, last).astype(np.int64)
    a, b, c = corners[:, 0, :2], corners[:, 1, :2], corners[:, 2, :2]
    area = _cross(b - a, c - a)
    spans = (high - low + 1).clip(0, None) * (area != 0)[:, None]
    counts = spans.prod(axis=1)
    triangle = np.repeat(np.arange(len(triangles)), counts)
    within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    width = spans[triangle, 0]
    column = low[triangle, 0] + within % width
    row = low[triangle, 1] + within // width
    pixel = np.stack([column, row], axis=1).astype(np.float64)
    a, b, c, area = a[triangle], b[triangle], c[triangle], area[triangle]
    shares = np.stack(
        [_cross(b - pixel, c - pixel), _cross(c - pixel, a - pixel), _cross(a - pixel, b - pixel)]
    )
    shares = (shares / area).T
    inside = (shares >= 0).all(axis=1)
    shares, triangle = shares[inside], triangle[inside]
    depth = np.einsum("nc,nc->n", shares, corners[triangle, :, 2])
    return Fragments((row * size[1] + column)[inside], triangle, shares, depth)


def nearest(fragments: Fragments) -> Fragments:
    """Return of each pixel's fragments the one with the largest depth; of equal ones the last."""
    order = np.lexsort((fragments.depth, fragments.pixel))
    pixel = fragments.pixel[order]
    last = np.append(pixel[1:] != pixel[:-1], True) if len(pixel) else np.zeros(0, bool)
    return fragments.chosen(order[last])


def _cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
