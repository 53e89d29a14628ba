"""AlexNet's published weights as Keras arrays, without running what a file's pickle names.

Two files are usual: torchvision's alexnet-owt .pth (one tower), and bvlc_alexnet.npy (Caffe's, two towers), a
pickled dictionary of layer name to [kernel (h, w, in, out), bias].
"""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from kzoo.backbones.torch_archive import read_torch_archive
from kzoo.errors import DataError

Arrays = dict[str, list[np.ndarray]]

NAMES = ("conv1", "conv2", "conv3", "conv4", "conv5", "fc6", "fc7", "logits")
TORCH = (
    *(f"features.{number}" for number in (0, 3, 6, 8, 10)),
    *(f"classifier.{number}" for number in (1, 4, 6)),
)
FC6_PLACES = 6
_ALLOWED = {
    (f"numpy.{core}.multiarray", "_reconstruct"): np._core.multiarray._reconstruct  # type: ignore[attr-defined]
    for core in ("core", "_core")
} | {("numpy", "ndarray"): np.ndarray, ("numpy", "dtype"): np.dtype}


def read_alexnet(path: Path) -> Arrays:
    """Return kernel and bias of conv1 to conv5, fc6, fc7 and logits, in Keras's layouts.

    fc6 reads its input as (rows, columns, channels), as Keras flattens it; PyTorch's order is turned.

    Raises:
        DataError: if the file is missing, broken, not .pth or .npy, or of another network.
    """
    readers = {".pth": _from_torch, ".npy": _from_caffe}
    if path.suffix not in readers:
        raise DataError(f"{path}: expected AlexNet's weights as .pth or .npy")
    if not path.is_file():
        raise DataError(f"there is no file {path}; expected AlexNet's weights as .pth or .npy")
    return readers[path.suffix](path)


def _from_torch(path: Path) -> Arrays:
    arrays = read_torch_archive(path)
    found: Arrays = {}
    for name, place in zip(NAMES, TORCH, strict=True):
        if {f"{place}.weight", f"{place}.bias"} - set(arrays):
            raise DataError(f"{path} has no {place}.weight and .bias; expected torchvision's AlexNet")
        kernel, bias = arrays[f"{place}.weight"], arrays[f"{place}.bias"]
        if name == "fc6":
            places = kernel.reshape(len(kernel), -1, FC6_PLACES, FC6_PLACES)
            kernel = places.transpose(0, 2, 3, 1).reshape(len(kernel), -1)
        found[name] = [kernel.transpose(2, 3, 1, 0) if kernel.ndim == 4 else kernel.T, bias]
    return found


def _from_caffe(path: Path) -> Arrays:
    with path.open("rb") as file:
        try:
            layers = _read_pickled_array(file).item()
            names = dict.fromkeys(NAMES) | {"fc8": None}
            found = {
                ("logits" if name == "fc8" else name): layers[name] for name in names if name != "logits"
            }
            return {name: [np.asarray(part, np.float32) for part in parts] for name, parts in found.items()}
        except (ValueError, KeyError, TypeError, AttributeError, EOFError, pickle.UnpicklingError) as error:
            raise DataError(
                f"{path} cannot be read as bvlc_alexnet.npy, a dictionary of conv1 to fc8: {error}"
            ) from error


def _read_pickled_array(file: BinaryIO) -> np.ndarray:
    """Read a .npy file of objects; its pickle may name NumPy's arrays and nothing else."""
    version = np.lib.format.read_magic(file)
    if version == (1, 0):
        np.lib.format.read_array_header_1_0(file)
    else:
        np.lib.format.read_array_header_2_0(file)
    array = _ArraysOnly(file, encoding="latin1").load()
    if not isinstance(array, np.ndarray):
        raise pickle.UnpicklingError(f"expected an array; received {type(array).__name__}")
    return array


class _ArraysOnly(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(f"it names {module}.{name}, which is no array")
        return _ALLOWED[module, name]
