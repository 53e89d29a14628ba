"""One step of training, as a model's last recipe takes it."""

from __future__ import annotations

import keras
import tensorflow as tf
from tiny_models import inputs, targets

from kzoo import registry
from kzoo.system import System
from kzoo.training.tasks import find_task

FEW_NEGATIVES = ["loss_options.count=2", "loss_options.margin=2.0"]


def trained_one_step(system: System, model: keras.Model) -> keras.Model:
    """Compile the model as training does by its last recipe, and take one step.

    It is taken in a graph, whose making takes far longer than the step, by one model of each room and task.
    Network and losses of the others are in graphs too: in those that name the losses, and in exports.
    """
    recipe = list(system.recipes.values())[-1]
    if "count" in recipe.loss_options:
        recipe = recipe.override(FEW_NEGATIVES)
    x, y = inputs(system, model), targets(system)
    batch = tf.nest.map_structure(lambda array: tf.TensorSpec((None, *array.shape[1:]), array.dtype), (x, y))
    fitted = find_task(system.task).compile(model, system, recipe, keras.optimizers.SGD(1.0), batch)
    fitted.run_eagerly = not is_first_of_its_kind(system)
    if system.judgements_reference:
        x, y = tf.nest.map_structure(lambda array: array[:2], (x, y))
    fitted.train_on_batch(x, y)
    return fitted


def is_first_of_its_kind(system: System) -> bool:
    """Say whether no model of the same room and task was registered before."""
    kind = system.room, system.task
    alike = (one for one in map(registry.find, registry.names()) if (one.room, one.task) == kind)
    return next(alike).name == system.name
