"""What a model can be written as, a form for each kind of runtime, and how each is asked again."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal

import keras
import numpy as np
import tensorflow as tf

from kzoo.errors import ExportError
from kzoo.export.card import Endpoint, Quantization, TensorDescription, Verification
from kzoo.export.clean_answers import start_clean_process
from kzoo.export.requests import Request, write_requests
from kzoo.export.verification import Answer, compare, narrowest_compute_dtype, verify
from kzoo.serving.versions import WARM_UP_FILE
from kzoo.system import Signature
from kzoo.training.models import with_precision

PORTABLE_TOLERANCE = 1e-4
"""Largest difference, absolute and relative, of an answer by another runtime, which sums in another order.

Ten times what the same kernels are allowed: the longest chains here, two generators of nine residual blocks,
add up some 50 convolutions.
"""
_DEFAULT = "serving_default"

FormName = Literal["savedmodel", "litert", "onnx"]
Endpoints = dict[str, Endpoint]
Ask = Callable[[str, Mapping[str, np.ndarray]], Answer]


class Form(ABC):
    """One way to write a model.

    Attributes:
        name: as the card has it.
    """

    name: FormName

    def prepared(self, model: keras.Model) -> keras.Model:
        """Return the model that is written."""
        return model

    def chosen(self, signatures: Mapping[str, Signature]) -> dict[str, Signature]:
        """Return the endpoints that this form can hold.

        Raises:
            ExportError: if there are none.
        """
        return dict(signatures)

    @abstractmethod
    def write(
        self,
        model: keras.Model,
        name: str,
        signatures: Mapping[str, Signature],
        requests: Sequence[Request],
        folder: Path,
    ) -> None:
        """Write into `folder` what a runtime reads; `requests` are for its warm-up."""

    @abstractmethod
    def verify(
        self,
        model: keras.Model,
        signatures: Mapping[str, Signature],
        requests: Sequence[Request],
        folder: Path,
    ) -> tuple[Verification, Endpoints]:
        """Compare answers of what lies in `folder` with those of the signatures' own functions.

        Raises:
            ExportError: if it gives none, or others.
        """

    def quantization(self) -> Quantization | None:
        """Return what rounding cost, after `verify`; None where nothing was rounded."""
        return None


class SavedModel(Form):
    """What TensorFlow Serving and kzoo's server load, with requests that warm it up."""

    name: FormName = "savedmodel"

    def write(
        self,
        model: keras.Model,
        name: str,
        signatures: Mapping[str, Signature],
        requests: Sequence[Request],
        folder: Path,
    ) -> None:
        """Write the SavedModel and its warm-up requests."""
        start_clean_process()  # to import TensorFlow while the SavedModel is written
        write_saved_model(model, signatures, folder)
        write_requests(folder / WARM_UP_FILE, name, requests)

    def verify(
        self,
        model: keras.Model,
        signatures: Mapping[str, Signature],
        requests: Sequence[Request],
        folder: Path,
    ) -> tuple[Verification, Endpoints]:
        """Ask a process that has neither kzoo nor Keras."""
        return verify(model, signatures, requests, folder, folder / WARM_UP_FILE)


class PortableForm(Form):
    """A form for runtimes without TensorFlow: it takes and gives numbers, and computes in float32.

    Decoding of image files and texts is TensorFlow's own, so endpoints that take strings are left out, and so
    are outputs that are strings; names of classes are on the card. Checks of the input are left out by the
    converters: what is no number gives no error.
    """

    tolerance = PORTABLE_TOLERANCE

    @abstractmethod
    def opened(self, folder: Path) -> Ask:
        """Return the function that asks what lies in `folder`: endpoint and inputs to outputs, by name."""

    def prepared(self, model: keras.Model) -> keras.Model:
        """Return the model in float32."""
        return model if narrowest_compute_dtype(model) == "float32" else with_precision(model, "float32")

    def chosen(self, signatures: Mapping[str, Signature]) -> dict[str, Signature]:
        """Return the endpoints that take numbers, each once, without their outputs that are strings."""
        found: dict[str, Signature] = {}
        seen: set[int] = set()
        for name in sorted(signatures, key=lambda name: name == _DEFAULT):
            one = signatures[name]
            if id(one) not in seen and all(spec.dtype != tf.string for spec in one.inputs):
                found[name] = _of_numbers(one)
            seen.add(id(one))
        if not found:
            raise ExportError(
                f"all endpoints take strings: {', '.join(signatures)}; expected one that takes numbers"
            )
        return found

    def verify(
        self,
        model: keras.Model,
        signatures: Mapping[str, Signature],
        requests: Sequence[Request],
        folder: Path,
    ) -> tuple[Verification, Endpoints]:
        """Ask the runtime in this process."""
        ask = self.opened(folder)
        largest = 0.0
        for request in requests:
            signature = signatures[request.signature]
            given = {spec.name: request.inputs[spec.name].numpy() for spec in signature.inputs}
            received = ask(request.signature, given)
            with tf.device("CPU:0"):
                expected = signature.function(*(tf.constant(value) for value in given.values()))
            numbers = {name: value.numpy() for name, value in expected.items()}
            largest = max(largest, compare(request, numbers, received, self.tolerance))
        result = Verification(
            requests=len(requests),
            compute_dtype="float32",
            tolerance=self.tolerance,
            largest_difference=largest,
        )
        return result, described(signatures)


def described(signatures: Mapping[str, Signature]) -> Endpoints:
    """Return what the endpoints take and give."""
    return {name: _described(one) for name, one in signatures.items()}


def write_saved_model(model: keras.Model, signatures: Mapping[str, Signature], folder: Path) -> None:
    """Write a SavedModel with `signatures` as its endpoints, and what they use as its objects.

    No model itself is among the objects, unlike in `keras.export.ExportArchive`: it would add endpoints of
    each model within it, which nobody asks and which take a third of the time and more, and all that its
    layers hold, which a server would make again.
    """
    tracked = {id(one): one for each in signatures.values() for one in each.tracked}.values()
    models = [model, *(one for one in tracked if isinstance(one, keras.Model))]
    exported = tf.Module()
    exported.weights = [weight.value for one in models for weight in one.variables]
    exported.resources = [one for one in tracked if not isinstance(one, keras.Model)]
    endpoints = {
        name: tf.function(one.function, input_signature=list(one.inputs), autograph=False)
        for name, one in signatures.items()
    }
    tf.saved_model.save(exported, str(folder), signatures=endpoints)


def _of_numbers(signature: Signature) -> Signature:
    def answer(*inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        return {
            name: value for name, value in signature.function(*inputs).items() if value.dtype != tf.string
        }

    return Signature(answer, signature.inputs, signature.tracked)


def _described(signature: Signature) -> Endpoint:
    traced = tf.function(signature.function).get_concrete_function(*signature.inputs)
    return Endpoint(
        inputs={spec.name: _tensor(spec) for spec in signature.inputs},
        outputs={name: _tensor(spec) for name, spec in traced.structured_outputs.items()},
    )


def _tensor(spec: tf.TensorSpec) -> TensorDescription:
    return TensorDescription(dtype=spec.dtype.name, shape=tuple(spec.shape.as_list()))
