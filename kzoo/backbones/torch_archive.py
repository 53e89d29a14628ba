"""PyTorch's weight files as NumPy arrays, without PyTorch and without unpickling what is not a tensor."""

from __future__ import annotations

import io
import pickle
import struct
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from kzoo.errors import DataError

_DTYPES = {
    "FloatStorage": "<f4",
    "DoubleStorage": "<f8",
    "HalfStorage": "<f2",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ByteStorage": "u1",
    "BoolStorage": "?",
}
_BROKEN = (
    OSError,
    LookupError,
    ValueError,
    TypeError,
    EOFError,
    struct.error,
    zipfile.BadZipFile,
    pickle.UnpicklingError,
)


class _Storage(NamedTuple):
    key: str
    dtype: np.dtype


class _View(NamedTuple):
    storage: _Storage
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]


def read_torch_archive(path: Path) -> dict[str, np.ndarray]:
    """Read a state dict that `torch.save` wrote, in its zip format or that of before PyTorch 1.6.

    Only an ordered mapping of names to tensors is understood: nothing else that the file names is called.

    Raises:
        DataError: if the file is missing, broken, or holds anything but tensors.
    """
    try:
        if zipfile.is_zipfile(path):
            views, storages = _read_zip(path)
        else:
            with path.open("rb") as file:
                views, storages = _read_stream(file)
        return {name: _tensor(view, storages) for name, view in views.items()}
    except (*_BROKEN, AttributeError) as error:
        raise DataError(f"{path} cannot be read as a PyTorch state dict: {error!r}") from error


def _read_zip(path: Path) -> tuple[dict[str, _View], dict[str, bytes]]:
    with zipfile.ZipFile(path) as archive:
        (index,) = (name for name in archive.namelist() if name.endswith("/data.pkl"))
        folder = index.removesuffix("data.pkl") + "data/"
        storages = {
            name.removeprefix(folder): archive.read(name)
            for name in archive.namelist()
            if name.startswith(folder)
        }
        return _Reader(io.BytesIO(archive.read(index))).load(), storages


def _read_stream(file: BinaryIO) -> tuple[dict[str, _View], dict[str, bytes]]:
    """Read three pickles of PyTorch's own, that of the dict, that of the storages' keys, and the storages."""
    for _ in range(3):
        _Reader(file).load()
    views = _Reader(file).load()
    dtypes = {view.storage.key: view.storage.dtype for view in views.values()}
    storages = {}
    for key in _Reader(file).load():
        (count,) = struct.unpack("<q", file.read(8))
        storages[key] = file.read(count * dtypes[key].itemsize)
    return views, storages


class _Reader(pickle.Unpickler):
    """Unpickles ordered dicts and tensors; every other class is refused."""

    def find_class(self, module: str, name: str) -> Any:
        """Return one of the few things that a state dict is made of."""
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return lambda storage, offset, size, stride, *_: _View(storage, offset, size, stride)
        if module == "torch" and name in _DTYPES:
            return np.dtype(_DTYPES[name])
        raise pickle.UnpicklingError(f"{module}.{name} is no part of a state dict")

    def persistent_load(self, pid: Any) -> _Storage:
        """Return what a tensor views."""
        return _Storage(key=pid[2], dtype=pid[1])


def _tensor(view: _View, storages: dict[str, bytes]) -> np.ndarray:
    """Copy what a view shows; an IndexError where it leaves its storage."""
    storage = np.frombuffer(storages[view.storage.key], view.storage.dtype)
    last = view.offset + sum((length - 1) * step for length, step in zip(view.size, view.stride, strict=True))
    if min(view.size, default=1) > 0 and not 0 <= view.offset <= last < len(storage):
        raise IndexError(f"a tensor of {view.size} leaves its storage of {len(storage)}")
    strides = [step * storage.itemsize for step in view.stride]
    return np.lib.stride_tricks.as_strided(storage[view.offset :], view.size, strides).copy()
