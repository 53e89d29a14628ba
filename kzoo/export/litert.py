"""LiteRT, formerly TensorFlow Lite: one file with every endpoint as a signature, in float32 or in int8."""

from __future__ import annotations

import re
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kzoo.errors import ExportError
from kzoo.export.card import Quantization, Verification
from kzoo.export.forms import Ask, Endpoints, FormName, PortableForm, described, write_saved_model
from kzoo.export.requests import Request
from kzoo.export.verification import Answer
from kzoo.system import Signature

LITERT_FILE = "model.tflite"
TENSOR_ENDPOINT, PROBABILITIES = "serving_tensor", "probabilities"
MOST_LOSS_PERCENT = 1.0
"""How much larger, in percentage points, the error may be in int8."""
_BATCH = 50


class LiteRT(PortableForm):
    """`model.tflite`, in float32."""

    name: FormName = "litert"

    def write(
        self,
        model: keras.Model,
        name: str,
        signatures: Mapping[str, Signature],
        requests: Sequence[Request],
        folder: Path,
    ) -> None:
        """Convert by way of a SavedModel.

        Raises:
            ExportError: if the converter does not manage the model.
        """
        from tensorflow.lite.python.convert_phase import ConverterError

        with tempfile.TemporaryDirectory(prefix="kzoo-litert-") as aside:
            write_saved_model(model, signatures, Path(aside))
            converter = tf.lite.TFLiteConverter.from_saved_model(aside, signature_keys=list(signatures))
            self._set(converter)
            try:
                content = converter.convert()
            except ConverterError as error:
                raise ExportError(f"LiteRT does not manage {name}: {_reason(str(error))}") from error
        (folder / LITERT_FILE).write_bytes(content)

    def opened(self, folder: Path) -> Ask:
        """Return the function that asks the interpreter."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # it is to move to another package
            interpreter = tf.lite.Interpreter(model_path=str(folder / LITERT_FILE))
        runners: dict[str, Any] = {}

        def ask(signature: str, inputs: Mapping[str, np.ndarray]) -> Answer:
            if signature not in runners:
                runners[signature] = interpreter.get_signature_runner(signature)
            try:
                return dict(runners[signature](**inputs))
            except (RuntimeError, ValueError) as error:
                raise ExportError(f"LiteRT does not answer {signature!r}: {error}") from error

        return ask

    def _set(self, converter: Any) -> None:
        """Change the converter's settings."""


@dataclass(frozen=True)
class Labelled:
    """Images uint8 (N, H, W, 3), their labels int (N,), and where they come from, for the card."""

    what: str
    images: np.ndarray
    labels: np.ndarray


@dataclass
class LiteRTInt8(LiteRT):
    """`model.tflite` of a classifier, weights and activations rounded to int8 where LiteRT has such a kernel.

    Inputs and outputs stay float32. How far activations reach is learnt from `calibration`; what it costs is
    measured on `measured`, whose images should be others.
    """

    calibration: Labelled
    measured: Labelled
    _cost: Quantization | None = field(default=None, init=False)

    def chosen(self, signatures: Mapping[str, Signature]) -> dict[str, Signature]:
        """Return the endpoint over images."""
        return {TENSOR_ENDPOINT: super().chosen(signatures)[TENSOR_ENDPOINT]}

    def verify(
        self,
        model: keras.Model,
        signatures: Mapping[str, Signature],
        requests: Sequence[Request],
        folder: Path,
    ) -> tuple[Verification, Endpoints]:
        """Compare the errors on `measured`.

        Raises:
            ExportError: if int8 is wrong MOST_LOSS_PERCENT more often than the Keras model is.
        """
        ask = self.opened(folder)
        exact, rounded = [], []
        for images in _batches(self.measured.images):
            answer = signatures[TENSOR_ENDPOINT].function(tf.constant(images))
            exact.append(answer[PROBABILITIES].numpy())
            rounded.append(ask(TENSOR_ENDPOINT, {"image": images})[PROBABILITIES])
        before, after = np.concatenate(exact), np.concatenate(rounded)
        self._cost = Quantization(
            calibrated_on=self.calibration.what,
            calibration_images=len(self.calibration.images),
            measured_on=self.measured.what,
            measured_images=len(self.measured.images),
            error_percent=self._error_percent(after),
            error_percent_before=self._error_percent(before),
            most_loss_percent=MOST_LOSS_PERCENT,
        )
        if self._cost.loss_percent > MOST_LOSS_PERCENT:
            raise ExportError(
                f"in int8 the error on {self.measured.what} is {self._cost.error_percent:.2f} %, in float32 "
                f"{self._cost.error_percent_before:.2f} %; at most {MOST_LOSS_PERCENT:g} percentage points "
                "more was expected"
            )
        result = Verification(
            requests=len(exact),
            compute_dtype="int8",
            tolerance=None,
            largest_difference=float(np.abs(after - before).max()),
        )
        return result, described(signatures)

    def quantization(self) -> Quantization | None:
        """Return the errors that were measured."""
        return self._cost

    def _set(self, converter: Any) -> None:
        def representative() -> Iterator[tuple[str, dict[str, np.ndarray]]]:
            yield from ((TENSOR_ENDPOINT, {"image": images}) for images in _batches(self.calibration.images))

        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = representative
        converter.target_spec.supported_ops = [
            tf.lite.OpsSet.TFLITE_BUILTINS_INT8,
            tf.lite.OpsSet.TFLITE_BUILTINS,
        ]

    def _error_percent(self, probabilities: np.ndarray) -> float:
        return 100 * float(np.mean(probabilities.argmax(axis=1) != self.measured.labels))


def _reason(message: str) -> str:
    """Return the operations that LiteRT lacks, of the converter's pages of messages."""
    lacking = re.findall(r"^(?:TF Select|Flex|Custom) ops: (.*)$", message, re.MULTILINE)
    return f"it has no {', '.join(lacking)}" if lacking else message


def _batches(images: np.ndarray) -> Iterator[np.ndarray]:
    for start in range(0, len(images), _BATCH):
        yield images[start : start + _BATCH].astype(np.float32)
