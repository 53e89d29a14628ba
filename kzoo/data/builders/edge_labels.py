"""TFDS builder of pictures with the labels that an edge detector learns: computed once, kept as records."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
import tensorflow_datasets as tfds

from kzoo.data.edge_examples import EdgeExamples
from kzoo.data.edge_labels import Labelling
from kzoo.data.progress import progress_bar
from kzoo.errors import DataError


@dataclasses.dataclass(eq=False, kw_only=True)
class EdgeLabelsConfig(tfds.core.BuilderConfig):
    """Which pictures are labelled, and how; the name is a hash of both."""

    examples: EdgeExamples | None = None
    labelling: Labelling | None = None


class EdgeLabels(tfds.core.GeneratorBasedBuilder):
    """Pictures of one size and their labels, in the order of the examples.

    "labels" are the six maps of `kzoo.data.edge_labels.Labelling.apply` below each other, (6 H, W, 1).
    """

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar = {"1.0.0": "Thesis section 3.2.1."}

    def _info(self) -> tfds.core.DatasetInfo:
        return self.dataset_info_from_configs(
            description="Labels of edges, relaxed or not.",
            features=tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Image(shape=(None, None, 3), encoding_format="png"),
                    "labels": tfds.features.Image(shape=(None, None, 1), encoding_format="png"),
                }
            ),
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Any]:
        return {"train": self._generate_examples()}

    def _generate_examples(self) -> Iterator[tuple[int, dict[str, Any]]]:
        examples, labelling = self.builder_config.examples, self.builder_config.labelling
        first: tuple[int, ...] | None = None
        kind = f"labels relaxed by {labelling.relax}" if labelling.relax else "labels"
        for row, picture in enumerate(progress_bar(examples.pictures, kind, total=len(examples))):
            image, labels = labelling.apply(picture)
            first = first or image.shape
            if image.shape != first:
                raise DataError(
                    f"{picture.name} is {image.shape[:2]} pixels, those before it are {first[:2]}; set "
                    "pipeline.image_size=[height, width] to learn at one size"
                )
            yield row, {"image": image, "labels": labels.reshape(-1, image.shape[1], 1).astype(np.uint8)}
