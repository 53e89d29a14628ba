"""Which part of a person, and of which colour, each point of the mesh is, once he or she is dressed.

Points are told by where they lie on the base mesh at rest, so a shirt ends at the same place of every body
and in every pose.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from kzoo.data.people_body import JOINTS, load_body
from kzoo.data.people_parts import PARTS
from kzoo.data.people_wardrobe import Cloth, Identity, Outfit

ABSENT = 255
"""The class of a point of a garment's mesh where there is no garment."""

WAIST = 1.3
_CLASS = {name: np.uint8(index) for index, name in enumerate(PARTS)}
_ARM_JOINTS = ("upperarm01", "lowerarm01", "wrist")


@dataclass(frozen=True)
class Points:
    """Points of the base mesh at rest, with what is needed to dress them.

    Attributes:
        x, y, z: float64 (N,), as people_body has them.
        arm: float64 (N,), how much of a point hangs on an arm, 0 to 1.
        along: float64 (N,), how far down the arm it is: 0 shoulder, 1 elbow, 2 wrist; of any point.
    """

    x: np.ndarray
    y: np.ndarray
    z: np.ndarray
    arm: np.ndarray
    along: np.ndarray

    @classmethod
    def of(cls, columns: np.ndarray) -> Points:
        """Take the columns (N, 5) of `vertex_fields`, perhaps interpolated."""
        return cls(*columns.T)

    @property
    def on_arm(self) -> np.ndarray:
        """Whether a point belongs to an arm, bool (N,)."""
        return self.arm > 0.5


@cache
def vertex_fields() -> np.ndarray:
    """Return x, y, z, arm and along of the base mesh's vertices, float64 (V, 5), as `Points` has them."""
    body = load_body()
    places = {name: body.joint_place(body.vertices, f"{name}.L") for name in _ARM_JOINTS}
    mirrored = body.vertices * np.sign(body.vertices[:, :1]).clip(-1, 1) ** np.array([1, 0, 0])
    shoulder, elbow, wrist = places.values()
    upper = np.minimum((mirrored - shoulder) @ (elbow - shoulder) / ((elbow - shoulder) ** 2).sum(), 1)
    fore = np.maximum((mirrored - elbow) @ (wrist - elbow) / ((wrist - elbow) ** 2).sum(), 0)
    columns = [JOINTS.index(f"{name}.{side}") for name in _ARM_JOINTS for side in "LR"]
    arm = body.weights[:, columns].sum(axis=1)
    return np.column_stack([body.vertices, arm, upper + fore])


def clothes_at(points: Points, outfit: Outfit) -> np.ndarray:
    """Return the class of the clothes next to the body, uint8 (N,): no coat, no skirt; ABSENT where bare."""
    y, left = points.y, points.x > 0
    arm = points.on_arm
    trunk = ~arm & _below_collar(points, 0.72)
    leg = ~arm & (y <= WAIST)
    socks = outfit.socks is not None
    return np.select(
        [
            arm & (points.along < outfit.sleeve) | trunk & (y > min(outfit.hem, WAIST)),
            leg & (y < outfit.shoe_top) & left,
            leg & (y < outfit.shoe_top),
            leg & (y > (outfit.leg_end if not outfit.skirt else -0.6)),
            leg & socks & (y < outfit.sock_top),
        ],
        [
            _CLASS["dress" if outfit.dress else "upper-clothes"],
            _CLASS["left-shoe"],
            _CLASS["right-shoe"],
            _CLASS["dress" if outfit.dress else "skirt" if outfit.skirt else "pants"],
            _CLASS["socks"],
        ],
        np.uint8(ABSENT),
    )


def body_at(points: Points, outfit: Outfit) -> np.ndarray:
    """Return the class of points of the skin, uint8 (N,): of the clothes where it is covered."""
    left = points.x > 0
    clothes = clothes_at(points, outfit)
    bare = np.select(
        [
            points.on_arm & left,
            points.on_arm,
            (points.y <= WAIST) & left,
            points.y <= WAIST,
            _on_scalp(points),
        ],
        [_CLASS[name] for name in ("left-arm", "right-arm", "left-leg", "right-leg", "hair")],
        _CLASS["face"],
    )
    return np.where(clothes == ABSENT, bare, clothes)


def coat_at(points: Points, outfit: Outfit) -> np.ndarray:
    """Return where the coat is, uint8 (N,): class "coat" or ABSENT."""
    front = (points.z > 0.2) & (np.abs(points.x) < 0.45 + 0.08 * (5.5 - points.y))
    trunk = ~points.on_arm & _below_collar(points, 0.66) & (points.y > outfit.coat_hem) & ~front
    worn = trunk | points.on_arm & (points.along < 1.95)
    return np.where(worn & (outfit.coat is not None), _CLASS["coat"], np.uint8(ABSENT))


def skirt_at(points: Points, outfit: Outfit) -> np.ndarray:
    """Return where the skirt is, uint8 (N,): class "skirt" or "dress", or ABSENT."""
    worn = (points.y > outfit.leg_end) & (points.y < 1.6) & outfit.skirt
    return np.where(worn, _CLASS["dress" if outfit.dress else "skirt"], np.uint8(ABSENT))


def hair_at(points: Points, identity: Identity) -> np.ndarray:
    """Return where hair hangs from the head, uint8 (N,): class "hair" or ABSENT."""
    ends = {"bob": 6.0, "long": 4.2}.get(identity.hair_style, np.inf)
    worn = (points.y > ends) & (points.z < np.where(points.y > 7.95, 1.6, 0.45))
    return np.where(worn, _CLASS["hair"], np.uint8(ABSENT))


def colors_at(points: Points, classes: np.ndarray, identity: Identity, outfit: Outfit) -> np.ndarray:
    """Return the colour of points of known classes in even light, float64 (N, 3), 0 to 255."""
    colors = np.tile(np.array(identity.skin, np.float64), (len(classes), 1))
    painted: dict[str, Cloth | tuple[float, float, float] | None] = {
        "hair": identity.hair,
        "upper-clothes": outfit.top,
        "dress": outfit.top,
        "pants": outfit.bottom,
        "skirt": outfit.bottom,
        "coat": outfit.coat,
        "socks": outfit.socks,
        "left-shoe": outfit.shoes,
        "right-shoe": outfit.shoes,
    }
    for name, paint in painted.items():
        here = classes == _CLASS[name]
        if paint is not None and here.any():
            colors[here] = _printed(points, here, paint) if isinstance(paint, Cloth) else paint
    _make_up(colors, points, classes, identity)
    return colors


def _printed(points: Points, here: np.ndarray, cloth: Cloth) -> np.ndarray:
    """Return the colours of a cloth; its print runs across the trunk and around the arms."""
    down = np.where(points.on_arm, 5.4 - 2.3 * points.along, points.y)[here]
    across = np.where(points.on_arm, points.z, points.x)[here]
    row, column = down / cloth.period % 1, (across / cloth.period + 0.25) % 1
    inked = {
        "plain": np.zeros(len(down), bool),
        "stripes": row < 0.5,
        "pinstripes": column < 0.3,
        "checks": (row < 0.5) != (column < 0.5),
        "dots": np.hypot(row - 0.5, column - 0.5) < 0.28,
        "band": (down > 3.2) & (down < 3.2 + cloth.period),
    }[cloth.pattern]
    return np.where(inked[:, None], cloth.second, cloth.color)


def _make_up(colors: np.ndarray, points: Points, classes: np.ndarray, identity: Identity) -> None:
    """Paint eyebrows, lips and a little red of the cheeks on the face, in place."""
    face = (classes == _CLASS["face"]) & (points.z > 0.9)
    x, y = np.abs(points.x), points.y
    brows = face & (x > 0.13) & (x < 0.52) & (np.abs(y - 7.52) < 0.07)
    lips = face & (x < 0.3) & (np.abs(y - 6.66) < 0.1)
    colors[brows] = 0.4 * colors[brows] + 0.6 * np.array(identity.hair)
    colors[lips] = 0.55 * colors[lips] + 0.45 * np.array((170, 50, 60))


def _below_collar(points: Points, width: float) -> np.ndarray:
    """Tell what lies below or outside a crew neck, `width` decimetres from the neck's middle."""
    return (np.hypot(points.x, points.z - 0.25) > width) & (points.y < 5.95) | (points.y < 5.25)


def _on_scalp(points: Points) -> np.ndarray:
    """Tell where hair grows: behind a line from the forehead over the ears to the nape."""
    y, z = points.y, points.z
    hairline = np.where(z > 0.65, 7.25 + 1.35 * (z - 0.65), 7.25 + 0.67 * (z - 0.65))
    ear = (np.abs(points.x) > 0.7) & (y < 7.4) & (z > 0.2)
    return (y > np.maximum(hairline, 6.35)) & ~ear
