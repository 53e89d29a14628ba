"""ONNX: a file for each endpoint, ENDPOINT.onnx, in float32; the extra `onnx`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kzoo.errors import ExportError
from kzoo.export.forms import Ask, FormName, PortableForm
from kzoo.export.requests import Request
from kzoo.export.verification import Answer
from kzoo.system import Signature

OPSET = 18


class ONNX(PortableForm):
    """`ENDPOINT.onnx`, in float32; what it holds runs in any runtime that knows opset OPSET."""

    name: FormName = "onnx"

    def chosen(self, signatures: Mapping[str, Signature]) -> dict[str, Signature]:
        """Return the endpoints; an output that is called as an input is, which ONNX forbids, gets `_out`."""
        return {name: _with_names_of_its_own(one) for name, one in super().chosen(signatures).items()}

    def write(
        self,
        model: keras.Model,
        name: str,
        signatures: Mapping[str, Signature],
        requests: Sequence[Request],
        folder: Path,
    ) -> None:
        """Convert each endpoint.

        Raises:
            ExportError: if the extra `onnx` is not installed, or the converter does not manage an endpoint.
        """
        try:
            import tf2onnx
        except ImportError as error:
            raise ExportError(f"ONNX needs tf2onnx: pip install 'kzoo[onnx]' ({error})") from error
        for endpoint, signature in signatures.items():
            try:
                tf2onnx.convert.from_function(
                    tf.function(signature.function),
                    input_signature=list(signature.inputs),
                    opset=OPSET,
                    output_path=str(folder / f"{endpoint}.onnx"),
                )
            except Exception as error:
                raise ExportError(f"tf2onnx does not manage {endpoint} of {name}: {error}") from error

    def opened(self, folder: Path) -> Ask:
        """Return the function that asks ONNX Runtime.

        Raises:
            ExportError: if it refuses a file, as one with an operation that ONNX does not have.
        """
        import onnxruntime

        sessions: dict[str, Any] = {}
        for path in sorted(folder.glob("*.onnx")):
            try:
                sessions[path.stem] = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
            except Exception as error:
                raise ExportError(f"ONNX Runtime does not load {path.name}: {error}") from error

        def ask(signature: str, inputs: Mapping[str, np.ndarray]) -> Answer:
            session = sessions[signature]
            names = [output.name for output in session.get_outputs()]
            return dict(zip(names, session.run(names, dict(inputs)), strict=True))

        return ask


def _with_names_of_its_own(signature: Signature) -> Signature:
    taken = {spec.name for spec in signature.inputs}

    def answer(*inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        outputs = signature.function(*inputs)
        return {f"{name}_out" if name in taken else name: value for name, value in outputs.items()}

    return Signature(answer, signature.inputs, signature.tracked)
