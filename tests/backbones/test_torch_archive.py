"""PyTorch's files without PyTorch: written here byte by byte, in both formats, whole, broken and hostile."""

from __future__ import annotations

import io
import pickle
import struct
import sys
import types
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kzoo.backbones.torch_archive import read_torch_archive
from kzoo.errors import DataError

VALUES = np.arange(12, dtype="<f4")


class Tensor:
    """Pickled as PyTorch does: a call of torch._utils._rebuild_tensor_v2."""

    def __init__(self, offset: int, size: tuple[int, ...], stride: tuple[int, ...]) -> None:
        self.view = (offset, size, stride)

    def __reduce__(self) -> Any:
        rebuild = sys.modules["torch._utils"]._rebuild_tensor_v2  # type: ignore[attr-defined]
        return rebuild, (Storage(), *self.view, False, OrderedDict())


class Storage:
    """Pickled as a persistent id."""


@pytest.fixture
def torch_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand in for the two names of PyTorch that pickling looks up."""

    def _rebuild_tensor_v2() -> None: ...

    utils, torch = types.ModuleType("torch._utils"), types.ModuleType("torch")
    _rebuild_tensor_v2.__module__, _rebuild_tensor_v2.__qualname__ = "torch._utils", "_rebuild_tensor_v2"
    float_storage = type("FloatStorage", (), {"__module__": "torch"})
    utils._rebuild_tensor_v2 = _rebuild_tensor_v2  # type: ignore[attr-defined]
    torch.FloatStorage = float_storage  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.setitem(sys.modules, "torch._utils", utils)


def pickled(state: Any) -> bytes:
    class Pickler(pickle.Pickler):
        def persistent_id(self, obj: Any) -> Any:
            if isinstance(obj, Storage):
                return ("storage", sys.modules["torch"].FloatStorage, "0", "cpu", 12)  # type: ignore[attr-defined]
            return None

    file = io.BytesIO()
    Pickler(file, protocol=2).dump(state)
    return file.getvalue()


def write_zip(path: Path, index: bytes) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", index)
        archive.writestr("archive/data/0", VALUES.tobytes())
    return path


def write_stream(path: Path, index: bytes) -> Path:
    headers = [pickle.dumps(one, 2) for one in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True})]
    keys = pickle.dumps(["0"], 2)
    path.write_bytes(b"".join(headers) + index + keys + struct.pack("<q", 12) + VALUES.tobytes())
    return path


@pytest.mark.parametrize("write", [write_zip, write_stream])
def test_views_of_a_storage(write: Any, torch_names: None, tmp_path: Path) -> None:
    state = OrderedDict(
        whole=Tensor(0, (3, 4), (4, 1)), transposed=Tensor(0, (4, 3), (1, 4)), one=Tensor(5, (), ())
    )
    found = read_torch_archive(write(tmp_path / "weights.pth", pickled(state)))
    np.testing.assert_array_equal(found["whole"], VALUES.reshape(3, 4))
    np.testing.assert_array_equal(found["transposed"], VALUES.reshape(3, 4).T)
    assert found["one"] == 5


@pytest.mark.parametrize("view", [(1, (12,), (1,)), (0, (3, 4), (8, 1)), (-1, (2,), (1,))])
def test_a_view_beyond_its_storage(view: Any, torch_names: None, tmp_path: Path) -> None:
    path = write_zip(tmp_path / "weights.pth", pickled({"beyond": Tensor(*view)}))
    with pytest.raises(DataError, match="leaves its storage of 12"):
        read_torch_archive(path)


def test_other_classes_are_not_called(tmp_path: Path) -> None:
    hostile = b"cbuiltins\nopen\n(X\x05\x00\x00\x00ownedX\x01\x00\x00\x00wtR."
    with pytest.raises(DataError, match=r"builtins\.open is no part of a state dict"):
        read_torch_archive(write_zip(tmp_path / "weights.pth", hostile))
    assert not Path("owned").exists()


def test_missing_and_truncated_files(torch_names: None, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"absent\.pth cannot be read"):
        read_torch_archive(tmp_path / "absent.pth")
    whole = write_stream(tmp_path / "weights.pth", pickled({"whole": Tensor(0, (12,), (1,))}))
    whole.write_bytes(whole.read_bytes()[:-8])
    with pytest.raises(DataError, match=r"weights\.pth cannot be read"):
        read_torch_archive(whole)
