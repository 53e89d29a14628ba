"""The files of DeepFashion's In-shop Clothes Retrieval Benchmark, with poses and parsings beside them.

The layout, under one folder:

    list_eval_partition.txt                                     published (Eval/)
    img/WOMEN/Dresses/id_00000002/02_1_front.jpg                published (Img/img.zip)
    openpose/WOMEN/Dresses/id_00000002/02_1_front_keypoints.json   OpenPose, --model_pose COCO --write_json
    parsing/WOMEN/Dresses/id_00000002/02_1_front.png            a parser trained on Look into Person
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import numpy as np

from kzoo.data.builders.manual_images import checked_image
from kzoo.data.people_parts import read_parsing
from kzoo.data.pose import FRONT_POINTS, faces_camera, main_person, missing_points, read_people
from kzoo.errors import DataError

PARTITION_FILE = "list_eval_partition.txt"
STATUSES = ("train", "query", "gallery")
VIEWS_ASIDE = ("side", "back", "flat")
"""Views that no front of a person can be expected in."""


@dataclass(frozen=True)
class Listed:
    """A picture of the benchmark's list.

    Attributes:
        path: below the folder of pictures, without "img/" and ".jpg": "WOMEN/Dresses/id_00000002/02_1_front".
        train: of the training part of the list; else a query or of the gallery.
    """

    path: PurePosixPath
    train: bool

    @property
    def item(self) -> str:
        """The garment, in all its colours: "WOMEN/Dresses/id_00000002"."""
        return self.path.parent.as_posix()

    @property
    def clothes(self) -> str:
        """One person in one garment of one colour: "WOMEN/Dresses/id_00000002/02"."""
        return f"{self.item}/{self.path.name.split('_')[0]}"

    @property
    def may_be_front(self) -> bool:
        """Whether the name of the view does not rule out that the person is seen from the front."""
        return self.path.name.rsplit("_", maxsplit=1)[-1] not in VIEWS_ASIDE


@dataclass(frozen=True)
class Person:
    """A picture with its parsing and its pose: image's file, uint8 (H, W), float32 (18, 3)."""

    image: Path
    parts: np.ndarray
    key_points: np.ndarray


@dataclass
class FrontViews:
    """Finds the pictures of a folder that show a person from the front, and counts what is left out.

    A person may be half seen: points that OpenPose did not find keep the confidence 0, and only those that
    tell a front view must be there.

    Attributes:
        root: the folder.
        left_out: reason to the number of pictures.
    """

    root: Path
    left_out: Counter[str] = field(default_factory=Counter)

    def person(self, listed: Listed) -> Person | None:
        """Read a picture's files; None where it does not show one from the front.

        Raises:
            DataError: if a file is missing or broken, or parsing or pose belong to a picture of another size.
        """
        from PIL import Image

        people = read_people(self.root / "openpose" / f"{listed.path}_keypoints.json")
        if not (people[..., 2] > 0).any():
            self.left_out["no person was found"] += 1
            return None
        person = main_person(people)
        if not faces_camera(person):
            absent = missing_points(person, FRONT_POINTS)
            reason = f"half seen, without {', '.join(absent)}" if absent else "not seen from the front"
            self.left_out[reason] += 1
            return None
        path = self.root / "img" / f"{listed.path}.jpg"
        if not path.is_file():
            raise DataError(f"there is no picture {path}; {self.root / PARTITION_FILE} lists it")
        with Image.open(checked_image(path)) as image:
            width, height = image.size
        found = person[person[:, 2] > 0, :2]
        if (found < -1).any() or (found > (width, height)).any():
            raise DataError(
                f"the pose of {path}, {width}x{height} pixels, has a point at {found.max(axis=0).tolist()}; "
                "expected OpenPose's output for this picture, in its pixels (--keypoint_scale 0)"
            )
        parts = read_parsing(self.root / "parsing" / f"{listed.path}.png", (height, width))
        return Person(path, parts, person)

    def shortage(self, what: str, found: int, expected: int) -> DataError:
        """Return the error that fewer were found than expected, with the reasons for leaving out."""
        reasons = "; ".join(f"{count} {reason}" for reason, count in self.left_out.most_common(5))
        return DataError(f"{self.root} has {found} of {expected} {what}; left out: {reasons or 'none'}")


def read_partition(path: Path) -> list[Listed]:
    """Read the benchmark's list of pictures, item ids and parts.

    Raises:
        DataError: if it is missing or has other lines than published, or not as many as its first one says.
    """
    try:
        count, header, *lines = path.read_text("utf-8").splitlines()
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}; expected the published list") from error
    except ValueError as error:
        raise DataError(f"{path} is no list of pictures: {error}") from error
    rows = [line.split() for line in lines if line.strip()]
    if header.split() != ["image_name", "item_id", "evaluation_status"] or count.strip() != str(len(rows)):
        raise DataError(
            f"{path}: expected the number of pictures, the header 'image_name item_id evaluation_status' and "
            f"as many lines; received {count.strip()[:20]!r}, {header[:60]!r} and {len(rows)} lines"
        )
    return [_listed(row, path) for row in rows]


def _listed(row: list[str], path: Path) -> Listed:
    name = PurePosixPath(row[0])
    if len(row) != 3 or row[2] not in STATUSES or name.parts[:1] != ("img",) or name.suffix != ".jpg":
        raise DataError(
            f"{path} has the line {' '.join(row)[:120]!r}; expected img/.../NAME.jpg, an item's id, and one "
            f"of {', '.join(STATUSES)}"
        )
    return Listed(name.relative_to("img").with_suffix(""), row[2] == "train")
