"""Segmentation: pictures with a label map each, a class for every pixel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf

from kzoo.data.data_source import Source
from kzoo.data.label_sets import LABEL_SETS, LabelSource, open_label_set
from kzoo.data.layers import LayerSource, open_layers
from kzoo.data.segment_batches import SegmentExamples, SegmentRecords, segment_batches
from kzoo.data.voc import VOC, SegmentSource, open_voc
from kzoo.recipe import Data, Recipe
from kzoo.system import System
from kzoo.training.measured_epochs import MeasuredEpochs
from kzoo.training.own_loss import compiled_with_own_loss
from kzoo.training.tasks.task import Task, Validation, require_built_for

SIDE = 64
METRIC = "mean_iou_percent"


class Segmentation(Task):
    """The class of each pixel."""

    validation_metric = f"val_{METRIC}"

    def open(self, data: Data, systems: Sequence[System]) -> LayerSource | LabelSource | SegmentSource:
        """Open pictures with their label maps: drawings by layer, facades, streets, or VOC."""
        if data.name == VOC:
            return open_voc()
        if data.name in LABEL_SETS:
            return open_label_set(data.name)
        return open_layers(data.name, image_size_hint=SIDE)

    def options(self, system: System, source: Source) -> dict[str, Any]:
        """Return the number of classes."""
        return {"classes": len(source.classes)}

    def adapted(self, model: keras.Model, source: Source) -> keras.Model:
        """Return `model`, or one with new scores and fusions where the number of classes differs."""
        return with_score_channels(model, len(source.classes))

    def examples(
        self, system: System, source: LayerSource | LabelSource | SegmentSource, split: str
    ) -> SegmentExamples | SegmentRecords:
        """Read drawings at 64x64, facades and streets at 256x256; VOC as it is needed, padded to 512x512."""
        if isinstance(source, SegmentSource | LabelSource):
            return source.examples(split)
        return SegmentExamples.of(source.arrays(split, image_size=(SIDE, SIDE)), source.classes)

    def batches(
        self, recipe: Recipe, examples: SegmentExamples | SegmentRecords, first_step: int = 0
    ) -> tf.data.Dataset:
        """Return batches of pictures and label maps; see `kzoo.data.segment_batches.segment_batches`."""
        return segment_batches(
            examples,
            batch_size=recipe.batch_size,
            seed=recipe.seed,
            augmentation=recipe.pipeline.augmentation,
            padding=recipe.pipeline.padding,
            resize=recipe.pipeline.resize,
            first_step=first_step,
        )

    def validation(
        self, model: keras.Model, system: System, recipe: Recipe, examples: SegmentExamples | SegmentRecords
    ) -> Validation:
        """Measure the mean IoU after each epoch."""

        def measure(model: keras.Model) -> Mapping[str, float]:
            return {METRIC: system.evaluate(model, examples)[METRIC]}

        return Validation(callbacks=[MeasuredEpochs(model, measure)])

    def compile(
        self,
        model: keras.Model,
        system: System,
        recipe: Recipe,
        optimizer: keras.optimizers.Optimizer,
        batch: Any,
    ) -> keras.Model:
        """Return the model that minimises the system's own terms.

        Raises:
            UsageError: for another loss, and a model built for images of another size than the batch's.
        """
        require_built_for(system, model, tuple(batch[0]["image"].shape[1:3]))
        return compiled_with_own_loss(model, system, recipe, optimizer, batch)


def with_score_channels(model: keras.Model, classes: int) -> keras.Model:
    """Return `model` itself if it tells `classes` classes, else one with new layers "score_...".

    Layers whose weights keep their shapes keep their values; the others begin anew.
    """
    if model.output["logits"].shape[-1] == classes:
        return model

    def with_classes(layer: keras.layers.Layer) -> keras.layers.Layer:
        config = layer.get_config()
        if layer.name.startswith("score_"):
            config["filters"] = classes
        return layer.__class__.from_config(config)

    found = keras.models.clone_model(model, clone_function=with_classes)
    for layer in found.layers:
        before = model.get_layer(layer.name).get_weights()
        if [tuple(weight.shape) for weight in layer.weights] == [array.shape for array in before]:
            layer.set_weights(before)
    return found
