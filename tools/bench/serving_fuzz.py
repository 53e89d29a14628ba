"""Requests that no client should send: damaged messages, wrong tensors, hostile images.

All are made from a seed, so that a request that did harm can be made again.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import PIL.Image
from google.protobuf.message import DecodeError
from serving_load import PREDICT, request
from serving_server import FULL, SMALL, images
from tensorflow.core.framework import types_pb2
from tensorflow_serving.apis import get_model_metadata_pb2, get_model_status_pb2, predict_pb2

METADATA = "/tensorflow.serving.PredictionService/GetModelMetadata"
STATUS = "/tensorflow.serving.ModelService/GetModelStatus"
CLASSIFY = "/tensorflow.serving.PredictionService/Classify"
MAX_RAW = 4096


@dataclass(frozen=True)
class Malformed:
    """One request.

    Attributes:
        kind: the name of how it was made.
        method: where it goes.
        message: its bytes.
        parses: whether they are a message of the method's kind.
    """

    kind: str
    method: str
    message: bytes
    parses: bool


def malformed_requests(count: int, seed: int = 0) -> Iterator[Malformed]:
    """Yield `count` requests, each kind as often as the others."""
    random = np.random.default_rng(seed)
    kinds = list(_KINDS)
    for number in range(count):
        kind = kinds[number % len(kinds)]
        method, message = _KINDS[kind](random)
        yield Malformed(kind, method, message, _parses(method, message))


def _parses(method: str, message: bytes) -> bool:
    kinds = {
        METADATA: get_model_metadata_pb2.GetModelMetadataRequest,
        STATUS: get_model_status_pb2.GetModelStatusRequest,
    }
    try:
        kinds.get(method, predict_pb2.PredictRequest).FromString(message)
    except DecodeError:
        return False
    return True


def _valid(random: np.random.Generator) -> predict_pb2.PredictRequest:
    model = str(random.choice([SMALL, FULL]))
    return request(model, int(random.integers(1, 3)), images(1, int(random.integers(100))))


def _random_bytes(random: np.random.Generator) -> tuple[str, bytes]:
    method = str(random.choice([PREDICT, METADATA, STATUS, CLASSIFY]))
    return method, random.bytes(int(random.integers(0, MAX_RAW)))


def _damaged_message(random: np.random.Generator) -> tuple[str, bytes]:
    """A valid request with bytes changed, cut off, doubled or put in, before the pixels."""
    content = bytearray(_valid(random).SerializeToString())
    for _ in range(int(random.integers(1, 3))):
        place = int(random.integers(0, min(len(content), 200)))
        match int(random.integers(4)):
            case 0:
                content[place] ^= 1 << int(random.integers(8))
            case 1:
                del content[len(content) - place :]
            case 2:
                content[place:place] = content[:place]
            case _:
                content[place:place] = random.bytes(int(random.integers(1, 20)))
        if not content:
            break
    return PREDICT, bytes(content)


def _damaged_metadata(random: np.random.Generator) -> tuple[str, bytes]:
    message = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def", "graph"])
    message.model_spec.name = str(random.choice([SMALL, "\0", "../" * 50, "m" * 1000]))
    message.model_spec.version.value = int(random.integers(-(1 << 62), 1 << 62))
    content = bytearray(message.SerializeToString())
    content[int(random.integers(len(content)))] ^= 0xFF
    return str(random.choice([METADATA, STATUS])), bytes(content)


def _wrong_target(random: np.random.Generator) -> tuple[str, bytes]:
    message = _valid(random)
    spec = message.model_spec
    match int(random.integers(5)):
        case 0:
            spec.name = str(
                random.choice(["", "cfn", "/", "../cfn_small", "cfn_small\0", "\N{SNOWMAN}" * 500])
            )
        case 1:
            spec.version.value = int(random.choice([0, -1, 3, (1 << 63) - 1]))
        case 2:
            spec.version_label = "x" * int(random.integers(0, 3000))
        case 3:
            spec.signature_name = str(random.choice(["none", "__saved_model_init_op", "\0", "s" * 5000]))
        case _:
            message.output_filter.extend(["nothing"] * int(random.integers(1, 500)))
    return PREDICT, message.SerializeToString()


def _wrong_dtype(random: np.random.Generator) -> tuple[str, bytes]:
    message = _valid(random)
    others = [value for value in types_pb2.DataType.values() if value != types_pb2.DT_FLOAT]
    message.inputs["image"].dtype = int(random.choice([*others, 77, 1 << 20]))
    return PREDICT, message.SerializeToString()


def _wrong_shape(random: np.random.Generator) -> tuple[str, bytes]:
    """Sizes that do not fit the content: huge, negative, overflowing, of many dimensions, or unknown."""
    message = _valid(random)
    tensor = message.inputs["image"]
    sizes = [-1, 0, 1, 2, 31, 32, 33, 1 << 16, 1 << 31, 1 << 32, (1 << 62) // 3, (1 << 63) - 1, -(1 << 63)]
    rank = int(random.choice([0, 1, 3, 4, 4, 4, 5, 254, 300]))
    del tensor.tensor_shape.dim[:]
    for place in range(rank):
        fixed = (32, 32, 3)[place - 1] if rank == 4 and place else int(random.choice(sizes))
        tensor.tensor_shape.dim.add(size=fixed)
    tensor.tensor_shape.unknown_rank = bool(random.integers(10) == 0)
    if random.integers(2):
        tensor.tensor_content = b""
        tensor.float_val.append(1.0)  # stands for all elements, however many the shape says
    return PREDICT, message.SerializeToString()


def _wrong_content(random: np.random.Generator) -> tuple[str, bytes]:
    message = _valid(random)
    tensor = message.inputs["image"]
    match int(random.integers(4)):
        case 0:
            tensor.tensor_content = tensor.tensor_content[: int(random.integers(len(tensor.tensor_content)))]
        case 1:
            tensor.tensor_content += random.bytes(int(random.integers(1, 5000)))
        case 2:
            tensor.tensor_content = b""
            tensor.string_val.extend([b"x"] * int(random.integers(1, 100)))
        case _:
            tensor.float_val.extend([float("nan")] * int(random.integers(1, 5000)))
    return PREDICT, message.SerializeToString()


def _wrong_inputs(random: np.random.Generator) -> tuple[str, bytes]:
    message = _valid(random)
    extra = int(random.integers(0, 200))
    for number in range(extra):
        message.inputs[f"image{number}"].CopyFrom(message.inputs["image"] if number < 2 else _EMPTY)
    if not extra or random.integers(2):
        del message.inputs["image"]
    return PREDICT, message.SerializeToString()


_EMPTY = predict_pb2.PredictRequest().inputs[""]


def _image_request(*contents: bytes) -> tuple[str, bytes]:
    message = predict_pb2.PredictRequest()
    message.model_spec.name = SMALL
    tensor = message.inputs["image_bytes"]
    tensor.dtype = types_pb2.DT_STRING
    tensor.tensor_shape.dim.add(size=len(contents))
    tensor.string_val.extend(contents)
    return PREDICT, message.SerializeToString()


def _encoded(random: np.random.Generator) -> bytes:
    pixels = random.integers(0, 256, (40, 30, 3)).astype(np.uint8)
    file = io.BytesIO()
    PIL.Image.fromarray(pixels).save(file, str(random.choice(["PNG", "JPEG", "GIF", "BMP"])))
    return file.getvalue()


def _truncated_image(random: np.random.Generator) -> tuple[str, bytes]:
    whole = _encoded(random)
    return _image_request(whole[: int(random.integers(0, len(whole) // 2))])


def _damaged_image(random: np.random.Generator) -> tuple[str, bytes]:
    content = bytearray(_encoded(random))
    for _ in range(int(random.integers(1, 30))):
        content[int(random.integers(len(content)))] = int(random.integers(256))
    return _image_request(bytes(content))


def _one_bad_image_of_many(random: np.random.Generator) -> tuple[str, bytes]:
    good = [_encoded(random) for _ in range(int(random.integers(1, 6)))]
    good.insert(int(random.integers(len(good) + 1)), random.bytes(int(random.integers(0, 200))))
    return _image_request(*good)


def _decompression_bomb(random: np.random.Generator) -> tuple[str, bytes]:
    """A small file that says, or is, an image of billions of pixels."""
    side = int(random.choice([20_000, 65_500, (1 << 31) - 1]))
    makers: list[Callable[[int], bytes]] = [_png_bomb, _gif_bomb, _bmp_bomb, _jpeg_bomb]
    return _image_request(makers[int(random.integers(len(makers)))](side))


def _png_bomb(side: int) -> bytes:
    """Really holds the first 20,000 rows of 20,000 pixels, in about a megabyte."""
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    rows = _ZEROS if side == 20_000 else zlib.compress(bytes(1000))
    chunks = ((b"IHDR", header), (b"IDAT", rows), (b"IEND", b""))
    body = b"".join(
        struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
        for name, content in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + body


_ZEROS = zlib.compress(bytes(20_001) * 20_000, 9)


def _gif_bomb(side: int) -> bytes:
    """A hundred frames that each say they are as large as a GIF can be."""
    side = min(side, 65_535)
    screen = b"GIF89a" + struct.pack("<HHBBB", side, side, 0x80, 0, 0) + bytes(6)
    frame = b"\x2c" + struct.pack("<HHHHB", 0, 0, side, side, 0) + b"\x02\x02\x44\x01\x00"
    return screen + frame * 100 + b"\x3b"


def _bmp_bomb(side: int) -> bytes:
    header = struct.pack("<IiiHHIIiiII", 40, side, side, 1, 24, 0, 0, 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54, 0, 0, 54) + header + bytes(64)


def _jpeg_bomb(side: int) -> bytes:
    file = io.BytesIO()
    PIL.Image.new("RGB", (16, 16)).save(file, "JPEG")
    content = bytearray(file.getvalue())
    place = content.index(b"\xff\xc0") + 5
    content[place : place + 4] = struct.pack(">HH", min(side, 65_500), min(side, 65_500))
    return bytes(content)


_KINDS: dict[str, Callable[[np.random.Generator], tuple[str, bytes]]] = {
    "random bytes": _random_bytes,
    "damaged message": _damaged_message,
    "damaged metadata request": _damaged_metadata,
    "wrong model, version or signature": _wrong_target,
    "wrong dtype": _wrong_dtype,
    "wrong shape": _wrong_shape,
    "wrong content": _wrong_content,
    "wrong inputs": _wrong_inputs,
    "truncated image": _truncated_image,
    "damaged image": _damaged_image,
    "one bad image of many": _one_bad_image_of_many,
    "decompression bomb": _decompression_bomb,
}
