"""Who a rendered person is, what he or she wears, and how he or she stands: drawn by random generators."""

from __future__ import annotations

import colorsys
from dataclasses import dataclass
from functools import cache

import numpy as np

from kzoo.data.people_body import Shape, load_body

Color = tuple[float, float, float]
"""RGB, 0 to 255."""

SKINS: tuple[Color, ...] = (
    (250, 218, 196),
    (236, 190, 160),
    (214, 160, 120),
    (178, 120, 80),
    (132, 86, 58),
    (92, 60, 44),
)
HAIRS: tuple[Color, ...] = (
    (28, 22, 20),
    (58, 38, 26),
    (104, 66, 36),
    (150, 100, 50),
    (206, 170, 100),
    (150, 60, 30),
    (160, 160, 160),
)
PATTERNS = ("plain", "stripes", "pinstripes", "checks", "dots", "band")
HAIR_STYLES = {"cropped": 0.03, "short": 0.13, "bob": 0.1, "long": 0.1}
"""Name to how far, in decimetres, the hair stands off the head."""


@dataclass(frozen=True)
class Identity:
    """A person, undressed.

    Attributes:
        shape: of the body.
        skin, hair: colours.
        hair_style: a key of HAIR_STYLES.
    """

    shape: Shape
    skin: Color
    hair: Color
    hair_style: str


@dataclass(frozen=True)
class Cloth:
    """A printed fabric.

    Attributes:
        pattern: one of PATTERNS.
        color, second: of the ground and of the print.
        period: of the print, in decimetres.
    """

    pattern: str
    color: Color
    second: Color
    period: float


@dataclass(frozen=True)
class Outfit:
    """What a person wears; heights are those of the base mesh, -8.2 the soles and 5.4 the shoulders.

    Attributes:
        top, bottom: cloths; of a dress they are one.
        dress: top and bottom are one piece.
        sleeve: where sleeves end: 0 at the shoulder, 1 at the elbow, 2 at the wrist.
        hem: where the top ends.
        leg_end: where trousers or skirt end.
        skirt: the bottom is a skirt.
        loose: how far the clothes stand off the body, in decimetres.
        coat: worn open over the top, or None.
        coat_hem: where the coat ends.
        shoes: colour; shoe_top: where they end.
        socks: colour, or None; sock_top: where they end.
    """

    top: Cloth
    bottom: Cloth
    dress: bool
    sleeve: float
    hem: float
    leg_end: float
    skirt: bool
    loose: float
    coat: Cloth | None
    coat_hem: float
    shoes: Color
    shoe_top: float
    socks: Color | None
    sock_top: float


Turns = dict[str, np.ndarray]


def draw_identity(random: np.random.Generator) -> Identity:
    """Draw a person: a grown-up of either sex, of any origin and build, up to about 65 years old."""
    male = float(random.random() < 0.5)
    tone = random.uniform(0, len(SKINS) - 1)
    origins = random.dirichlet(np.full(3, 0.6))
    styles = ("cropped", "short") if male else ("short", "bob", "long", "long")
    return Identity(
        shape=Shape(
            male=abs(male - random.uniform(0, 0.2)),
            old=float(random.beta(1, 3) * 0.6),
            muscle=random.uniform(-0.6, 0.8),
            weight=float(np.clip(random.normal(-0.1, 0.35), -0.8, 0.8)),
            height=random.uniform(-0.12, 0.12),
            origins=(float(origins[0]), float(origins[1]), float(origins[2])),
        ),
        skin=_mixed(SKINS[int(tone)], SKINS[min(int(tone) + 1, len(SKINS) - 1)], tone % 1),
        hair=_mixed(HAIRS[random.integers(len(HAIRS))], (128, 110, 100), random.uniform(0, 0.15)),
        hair_style=str(random.choice(styles)),
    )


def draw_outfit(random: np.random.Generator) -> Outfit:
    """Draw clothes: a top with trousers, shorts or a skirt, or a dress; perhaps a coat; shoes."""
    kind = random.choice(("trousers", "trousers", "shorts", "skirt", "dress"))
    skirt, dress = kind in ("skirt", "dress"), kind == "dress"
    top = draw_cloth(random)
    bottom = top if dress else draw_cloth(random, plain=0.75)
    ends = {"trousers": (-7.6, -6.6), "shorts": (-3.4, -1.6), "skirt": (-6.0, -1.6), "dress": (-6.2, -2.0)}
    barefoot_socks = kind == "shorts" or (skirt and random.random() < 0.3)
    return Outfit(
        top=top,
        bottom=bottom,
        dress=dress,
        sleeve=float(random.choice((0.0, 0.45, 0.6, 1.2, 1.85, 1.9))) + random.uniform(0, 0.1),
        hem=1.35 if skirt else random.uniform(-0.6, 1.3),
        leg_end=random.uniform(*ends[str(kind)]),
        skirt=skirt,
        loose=random.uniform(0.03, 0.2),
        coat=draw_cloth(random, plain=0.7) if random.random() < 0.25 else None,
        coat_hem=random.uniform(-2.5, 0.2),
        shoes=draw_color(random, dark=True),
        shoe_top=random.uniform(-7.75, -7.0),
        socks=draw_color(random) if barefoot_socks else None,
        sock_top=random.uniform(-7.0, -4.5),
    )


def draw_cloth(random: np.random.Generator, plain: float = 0.4) -> Cloth:
    """Draw a cloth that is plain in a share `plain` of all cases, of two colours that differ in lightness."""
    pattern = "plain" if random.random() < plain else str(random.choice(PATTERNS[1:]))
    color = draw_color(random)
    second = draw_color(random)
    while abs(sum(color) - sum(second)) < 180:
        second = draw_color(random)
    return Cloth(pattern, color, second, random.uniform(0.7, 1.6))


def draw_color(random: np.random.Generator, *, dark: bool = False) -> Color:
    """Draw a colour of any hue; a dark one is at most half bright."""
    value = random.uniform(0.1, 0.5) if dark else random.uniform(0.2, 1.0)
    red, green, blue = colorsys.hsv_to_rgb(random.random(), random.beta(1.6, 1.2), value)
    return red * 255, green * 255, blue * 255


def draw_turns(random: np.random.Generator) -> Turns:
    """Draw a pose of someone who stands or walks and is seen from the front, as `Body.motion` takes it."""
    uniform = random.uniform
    turns = {
        "root": turn((0, 1, 0), uniform(-35, 35)),
        "spine04": turn((0, 0, 1), uniform(-5, 5)) @ turn((1, 0, 0), uniform(-4, 6)),
        "spine02": turn((0, 0, 1), uniform(-5, 5)) @ turn((0, 1, 0), uniform(-12, 12)),
        "neck01": turn((0, 0, 1), uniform(-6, 6)),
        "head": turn((0, 1, 0), uniform(-25, 25)) @ turn((1, 0, 0), uniform(-8, 12)),
    }
    stride = uniform(-22, 22)
    for side, mirror in (("L", 1.0), ("R", -1.0)):
        turns |= _draw_arm(random, side, mirror)
        swing = mirror * stride + uniform(-6, 6)
        turns[f"upperleg01.{side}"] = turn((1, 0, 0), -swing) @ turn((0, 0, 1), -mirror * uniform(-4, 8))
        turns[f"lowerleg01.{side}"] = turn((1, 0, 0), uniform(0, 6) + max(0.0, -swing) * uniform(0.3, 1.3))
    return turns


ARMS = {
    "hanging": ((18, 34), (-25, 10), (-20, 20), (-8, 12)),
    "away": ((-25, 12), (-30, 35), (-30, 20), (-15, 15)),
    "hip": ((-6, 8), (45, 75), (-75, -50), (5, 22)),
    "bent": ((10, 28), (35, 85), (-40, 10), (-10, 10)),
    "raised": ((-85, -45), (-20, 60), (-30, 30), (-15, 10)),
}
"""Degrees, from least to most: lowering, bending the elbow, turning about the arm, swinging back."""


def _draw_arm(random: np.random.Generator, side: str, mirror: float) -> Turns:
    kind = random.choice(tuple(ARMS), p=(0.36, 0.22, 0.14, 0.16, 0.12))
    lower, bend, roll, back = (random.uniform(*span) for span in ARMS[str(kind)])
    along, hinge = _arm_axes(side)
    upper = turn((0, 1, 0), mirror * back) @ turn((0, 0, 1), -mirror * lower) @ turn(along, mirror * roll)
    return {f"upperarm01.{side}": upper, f"lowerarm01.{side}": turn(hinge, bend)}


@cache
def _arm_axes(side: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the axis along the upper arm and that about which the elbow bends further, at rest."""
    body = load_body()
    shoulder, elbow, wrist = (
        body.joint_place(body.vertices, f"{name}.{side}") for name in ("upperarm01", "lowerarm01", "wrist")
    )
    along, hinge = elbow - shoulder, np.cross(elbow - shoulder, wrist - elbow)
    return along / np.linalg.norm(along), hinge / np.linalg.norm(hinge)


def turn(axis: tuple[float, float, float] | np.ndarray, degrees: float) -> np.ndarray:
    """Return the rotation matrix (3, 3) about an axis of length 1, by Rodrigues' formula."""
    x, y, z = axis
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    angle = np.radians(degrees)
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


def _mixed(one: Color, other: Color, share: float) -> Color:
    red, green, blue = ((1 - share) * a + share * b for a, b in zip(one, other, strict=True))
    return red, green, blue
