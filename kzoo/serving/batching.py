"""Calls to one signature joined into batches by TensorFlow's own batcher.

Each signature of each loaded version has queues of its own, one for each size of its inputs beside the rows.
TensorFlow tells queues apart by name alone, and functions made alike get the same name: their answers would
be mixed up. So each queue is made in a name scope that no other one ever has.
"""

from __future__ import annotations

import itertools
import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from kzoo.serving.batching_gain import BatchingGain
from kzoo.serving.batching_parameters import BatchingParameters
from kzoo.serving.call import Progress
from kzoo.serving.errors import ResourceExhaustedError
from kzoo.serving.signature import Arrays, Runner, to_numpy
from kzoo.serving.tensors import TensorSpec

MAX_QUEUES = 32  # of one signature: sizes of images that came first; calls of further sizes are run alone

logger = logging.getLogger(__name__)
_numbers = itertools.count()

Specs = Mapping[str, TensorSpec]
Queue = Callable[..., list[tf.Tensor]]


def can_be_batched(inputs: Specs, outputs: Specs) -> bool:
    """Say whether rows of several calls may be run as one: all inputs and outputs have an open first axis."""
    return all(spec.shape and spec.shape[0] is None for spec in (*inputs.values(), *outputs.values()))


class BatchedRunner:
    """Runs a signature on the rows of several calls at once; each gets its own rows back.

    Unless batches are to be waited for, a call that finds no other one at work is run alone at once, and the
    others are batched as long as that gains something. The first call of all, a warm-up request where the
    export has some, goes through its queue, for that is made then and takes a while.

    An error in a batch is one call's doing and hits all: so each call of the batch is then run alone, and
    gets its own answer or its own error.
    """

    def __init__(self, name: str, function: Any, parameters: BatchingParameters, alone: Runner) -> None:
        """Prepare; queues and their threads are made when they are first needed.

        Args:
            name: of model, version and signature, for the log.
            function: the loaded signature.
            parameters: of the batcher.
            alone: runs the same signature for one call.
        """
        self._name = name
        self._function = function
        self._parameters = parameters
        self._alone = alone
        self._making = threading.Lock()
        self._queues: dict[tuple[tuple[int, ...], ...], Queue] = {}
        self._outputs = sorted(function.structured_outputs)
        self._waits = parameters.batch_timeout_micros > 0
        self._enabled = True
        self._gain = BatchingGain()

    def __call__(self, arrays: Arrays, progress: Progress) -> Arrays:
        """Run the rows of one call; see `Signature.run`.

        Raises:
            ResourceExhaustedError: if the queue is full.
            CallError: as `alone`.
        """
        turn = self._gain.begin()
        inputs = [arrays[name] for name in sorted(arrays)]
        try:
            first = not self._queues
            queue = self._queue(inputs) if first or turn.batched or self._waits else None
            if queue is None:
                return self._alone(arrays, progress)
            return self._run_in(queue, inputs, arrays, progress)
        finally:
            self._gain.end(turn, len(inputs[0]))

    def _run_in(self, queue: Queue, inputs: list[np.ndarray], arrays: Arrays, progress: Progress) -> Arrays:
        submitted = time.time()
        try:
            *outputs, began, sizes = queue(*map(tf.constant, inputs))
        except tf.errors.UnavailableError as error:
            raise ResourceExhaustedError(f"the batching queue of {self._name} is full") from error
        except tf.errors.OpError as error:
            self._note_failure(error)
            return self._alone(arrays, progress)
        progress.batch_size = max(progress.batch_size, int(sizes[0]))
        progress.queue_seconds += max(float(began[0]) - submitted, 0.0)
        return {name: to_numpy(output) for name, output in zip(self._outputs, outputs, strict=True)}

    def _queue(self, inputs: list[np.ndarray]) -> Queue | None:
        """Return the queue for inputs of these sizes, None if they have to be run alone."""
        rows = len(inputs[0])
        fits = 1 <= rows <= self._parameters.max_batch_size and all(len(array) == rows for array in inputs)
        if not self._enabled or not fits:
            return None
        key = tuple(array.shape[1:] for array in inputs)
        if key in self._queues:
            return self._queues[key]
        with self._making:
            if key not in self._queues:
                if len(self._queues) >= MAX_QUEUES:
                    return None
                self._queues[key] = self._make_queue(inputs)
            return self._queues[key]

    def _make_queue(self, inputs: list[np.ndarray]) -> Queue:
        names = sorted(self._function.structured_input_signature[1])
        parameters = self._parameters

        @tf.nondifferentiable_batch_function(
            num_batch_threads=parameters.num_batch_threads,
            max_batch_size=parameters.max_batch_size,
            batch_timeout_micros=parameters.batch_timeout_micros,
            allowed_batch_sizes=list(parameters.allowed_batch_sizes) or None,
            max_enqueued_batches=parameters.max_enqueued_batches,
            autograph=False,
            enable_large_batch_splitting=False,
        )
        def run_batch(*tensors: tf.Tensor) -> list[tf.Tensor]:
            outputs = self._function(**dict(zip(names, tensors, strict=True)))
            rows = tf.shape(tensors[0])[:1]
            began = tf.fill(rows, tf.timestamp())
            return [*(outputs[name] for name in self._outputs), began, tf.fill(rows, rows[0])]

        specs = [
            tf.TensorSpec([None, *array.shape[1:]], tf.string if array.dtype == object else array.dtype)
            for array in inputs
        ]

        @tf.function(input_signature=specs, autograph=False)
        def enqueue(*tensors: tf.Tensor) -> list[tf.Tensor]:
            with tf.name_scope(f"kzoo_batching_{next(_numbers)}"):
                return run_batch(*tensors)

        return enqueue.get_concrete_function()

    def _note_failure(self, error: tf.errors.OpError) -> None:
        if "0th dimension" in error.message:
            self._enabled = False
            logger.warning(
                "%s is not batched: its outputs have not a row for each of its inputs'", self._name
            )
