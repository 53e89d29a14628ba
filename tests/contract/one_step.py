"""One step of training, as a model's last recipe takes it."""

from __future__ import annotations

import keras
import tensorflow as tf
from tiny_models import inputs, targets

from kzoo import registry
from kzoo.system import System
from kzoo.training.tasks import find_task

SYSTEMS = [registry.find(name) for name in registry.names()]
IN_GRAPHS = {(system.room, system.task): system.name for system in reversed(SYSTEMS)}.values()
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
    fitted.run_eagerly = system.name not in IN_GRAPHS
    if system.judgements_reference:
        x, y = tf.nest.map_structure(lambda array: array[:2], (x, y))
    fitted.train_on_batch(x, y)
    return fitted
