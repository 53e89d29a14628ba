from __future__ import annotations

import io
import struct
import zlib

import pytest
from PIL import Image

from kzoo.serving.errors import InvalidArgumentError
from kzoo.serving.image_limits import check_pixels


def encoded(kind: str, width: int, height: int, frames: int = 1) -> bytes:
    image, file = Image.new("RGB", (width, height)), io.BytesIO()
    others = [Image.new("RGB", (width, height), (number, 0, 0)) for number in range(1, frames)]
    image.save(file, kind, **({"save_all": True, "append_images": others} if others else {}))
    return file.getvalue()


def png_bomb(width: int, height: int) -> bytes:
    """A whole PNG of a few bytes that says it is huge."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)

    def chunk(name: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
        )

    data = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 64)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + data


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "BMP"])
def test_images_up_to_the_limit_pass_and_larger_ones_are_named(kind: str) -> None:
    check_pixels([encoded(kind, 10, 10)], 100)
    with pytest.raises(InvalidArgumentError, match=r"image 1 is of 11 x 10 pixels; at most 100 are decoded"):
        check_pixels([encoded(kind, 10, 10), encoded(kind, 11, 10)], 100)


def test_the_frames_of_a_gif_count_together() -> None:
    animated = encoded("GIF", 10, 10, frames=3)
    check_pixels([animated], 300)
    with pytest.raises(InvalidArgumentError, match="10 x 10 pixels in 3 frames"):
        check_pixels([animated], 299)


@pytest.mark.parametrize("size", [(60000, 60000), ((1 << 31) - 1, (1 << 31) - 1)])
def test_a_decompression_bomb_is_refused_by_its_header(size: tuple[int, int]) -> None:
    with pytest.raises(InvalidArgumentError, match=f"{size[0]} x {size[1]} pixels"):
        check_pixels([png_bomb(*size)], 1 << 25)


def test_a_frame_of_a_gif_that_is_larger_than_its_screen_may_not_be_huge_either() -> None:
    animated = bytearray(encoded("GIF", 10, 10))
    frame = animated.index(b"\x2c\0\0\0\0")
    animated[frame + 5 : frame + 9] = struct.pack("<HH", 65535, 65535)
    with pytest.raises(InvalidArgumentError, match="image 1 has a frame of too many pixels"):
        check_pixels([encoded("GIF", 10, 10), bytes(animated)], 1 << 25)


@pytest.mark.parametrize(
    "value", [b"", b"text", b"BMW", b"GIF8", b"\x89PNG", b"\xff\xd8\xff\xe0", encoded("PNG", 50, 50)[:20]]
)
def test_what_has_no_header_is_left_to_its_decoder(value: bytes) -> None:
    check_pixels([value], 1)
