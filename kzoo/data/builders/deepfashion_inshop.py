"""TFDS builder of DeepFashion In-shop (Liu et al. 2016) as person pairs: front views; downloaded by hand."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import tensorflow_datasets as tfds

from kzoo.data.builders.deepfashion_files import (
    PARTITION_FILE,
    FrontViews,
    Listed,
    Person,
    read_partition,
)
from kzoo.data.builders.house_people import person_features
from kzoo.data.builders.manual_images import checked_folder, in_order
from kzoo.data.progress import progress_bar
from kzoo.errors import DataError

HOMEPAGE = "https://mmlab.ie.cuhk.edu.hk/projects/DeepFashion/InShopRetrieval.html"
LICENCE = "for research only, by agreement with the authors"
FOLDER = "deepfashion_inshop"


class DeepfashionInshop(tfds.core.GeneratorBasedBuilder):
    """Pictures of persons seen from the front, two an example (section 8.2.4).

    In "train" both show one person in the same clothes; in "test" each of the test pictures is once the
    reference and once the condition of another. The thesis chose its pictures by hand; here they are those
    whose pose is a front view, in the order of hashes of their names.
    """

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar = {"1.0.0": "Front views by OpenPose's key-points."}
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        f"Ask for the In-shop Clothes Retrieval Benchmark at {HOMEPAGE}; unpack Img/img.zip to "
        f"{FOLDER}/img/ and copy Eval/list_eval_partition.txt to {FOLDER}/ here. Write the poses with "
        f"OpenPose (--model_pose COCO --write_json) to {FOLDER}/openpose/.../NAME_keypoints.json and "
        f"parsings of the 20 classes of Look into Person to {FOLDER}/parsing/.../NAME.png, in the folders "
        "that img/ has."
    )
    TRAIN_PAIRS, TEST_IMAGES = 3000, 1372

    def _info(self) -> tfds.core.DatasetInfo:
        person = person_features((None, None))
        return self.dataset_info_from_configs(
            description="DeepFashion In-shop: persons seen from the front, with poses and parsings.",
            features=tfds.features.FeaturesDict(
                {"condition": person, "reference": person, "id": tfds.features.Text()}
            ),
            homepage=HOMEPAGE,
            license=LICENCE,
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Any]:
        expected = self.MANUAL_DOWNLOAD_INSTRUCTIONS
        root = checked_folder(Path(dl_manager.manual_dir) / FOLDER, expected)
        for name in ("img", "openpose", "parsing"):
            checked_folder(root / name, expected)
        listed = [one for one in read_partition(root / PARTITION_FILE) if one.may_be_front]
        return {
            "train": self._train_pairs(root, [one for one in listed if one.train]),
            "test": self._test_pairs(root, [one for one in listed if not one.train]),
        }

    def _generate_examples(self, root: Path, listed: list[Listed]) -> Iterator[tuple[str, dict[str, Any]]]:
        return self._train_pairs(root, listed)

    def _train_pairs(self, root: Path, listed: list[Listed]) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield two front views of each person in the same clothes, the first two by name."""
        groups: dict[str, list[Listed]] = {}
        for one in sorted(listed, key=lambda one: one.path):
            groups.setdefault(one.clothes, []).append(one)
        views, found = FrontViews(root), 0
        for clothes in progress_bar(in_order(list(groups)), f"{FOLDER}, train", total=len(groups)):
            if found == self.TRAIN_PAIRS:
                break
            persons: list[Person] = []
            for one in groups[clothes]:
                person = views.person(one) if len(persons) < 2 and len(groups[clothes]) > 1 else None
                persons += [person] if person else []
            if len(persons) == 2:
                found += 1
                yield clothes, _example(clothes, *persons)
        if found < self.TRAIN_PAIRS:
            raise views.shortage("training pairs", found, self.TRAIN_PAIRS)

    def _test_pairs(self, root: Path, listed: list[Listed]) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield every test picture as the reference of the next one of another garment."""
        named = {one.path.as_posix(): one for one in listed}
        views = FrontViews(root)
        kept: list[tuple[Listed, Person]] = []
        for name in progress_bar(in_order(list(named)), f"{FOLDER}, test", total=len(named)):
            if len(kept) == self.TEST_IMAGES:
                break
            person = views.person(named[name])
            kept += [(named[name], person)] if person else []
        if len(kept) < self.TEST_IMAGES:
            raise views.shortage("test pictures", len(kept), self.TEST_IMAGES)
        items = [one.item for one, _ in kept]
        if len(set(items)) < 2:
            raise DataError(f"all test pictures of {root} show {items[0]}; expected two garments or more")
        for number, (one, person) in enumerate(kept):
            following = (*range(number + 1, len(kept)), *range(number))
            other = next(place for place in following if items[place] != one.item)
            yield one.path.as_posix(), _example(one.path.as_posix(), kept[other][1], person)


def _example(name: str, condition: Person, reference: Person) -> dict[str, Any]:
    return {"condition": _features(condition), "reference": _features(reference), "id": name}


def _features(person: Person) -> dict[str, Any]:
    return {
        "image": str(person.image),
        "parts": person.parts[..., None],
        "key_points": person.key_points,
    }
