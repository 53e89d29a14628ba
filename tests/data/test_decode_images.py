from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from kzoo.data import images
from kzoo.data.images import decode_image, decode_images, resize_image

SIZE = (24, 20)
PIXELS = np.random.default_rng(7).integers(0, 256, (*SIZE, 3), dtype=np.uint8)
RAMP = np.linspace(0, 255, 24 * 20 * 3).reshape(*SIZE, 3).astype(np.uint8)


def encoded(pixels: np.ndarray, file_format: str = "PNG", mode: str = "RGB", **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(buffer, file_format, **options)
    return buffer.getvalue()


def bad_rows(batch: list[bytes]) -> str:
    with pytest.raises(tf.errors.InvalidArgumentError) as caught:
        graph(tf.constant(batch))
    return caught.value.message


@tf.function(input_signature=[tf.TensorSpec((None,), tf.string)], autograph=False)
def graph(image_bytes: tf.Tensor) -> tf.Tensor:
    return decode_images(image_bytes, SIZE)


def test_images_of_the_size_come_back_exactly() -> None:
    batch = [encoded(PIXELS), encoded(255 - PIXELS), encoded(PIXELS, "BMP")]
    decoded = graph(tf.constant(batch))
    assert decoded.dtype == tf.float32
    np.testing.assert_array_equal(decoded, np.stack([PIXELS, 255 - PIXELS, PIXELS]))


def test_an_empty_batch_gives_an_empty_batch() -> None:
    assert graph(tf.constant([], tf.string)).shape == (0, *SIZE, 3)


def test_other_sizes_are_what_training_reads() -> None:
    large = np.random.default_rng(1).integers(0, 256, (61, 83, 3), dtype=np.uint8)
    for source in (large, PIXELS[:5, :7]):
        read = resize_image(decode_image(encoded(source)), SIZE)
        np.testing.assert_array_equal(graph(tf.constant([encoded(source)]))[0], tf.cast(read, tf.float32))


def test_reduction_is_antialiased() -> None:
    stripes = np.zeros((240, 200, 3), np.uint8)
    stripes[:, ::2] = 200
    decoded = graph(tf.constant([encoded(stripes)]))[0].numpy()
    assert np.abs(decoded[:, 1:-1] - 100).max() <= 4


def test_jpeg_is_near_and_grey_is_repeated() -> None:
    colour, grey = graph(
        tf.constant(
            [encoded(RAMP, "JPEG", quality=95, subsampling=0), encoded(RAMP, "JPEG", mode="L", quality=95)]
        )
    )
    assert np.abs(colour - RAMP.astype(np.float32)).max() < 16
    np.testing.assert_array_equal(grey[..., 0], grey[..., 2])


def test_grey_and_palette_png_become_rgb() -> None:
    grey, palette = graph(tf.constant([encoded(PIXELS, mode="L"), encoded(PIXELS, mode="P")]))
    np.testing.assert_array_equal(grey, np.stack([np.asarray(Image.fromarray(PIXELS).convert("L"))] * 3, -1))
    np.testing.assert_array_equal(palette, np.asarray(Image.fromarray(PIXELS).convert("P").convert("RGB")))


def test_sixteen_bits_become_eight() -> None:
    deep = tf.io.encode_png(PIXELS.astype(np.uint16) * 257).numpy()
    np.testing.assert_array_equal(graph(tf.constant([deep]))[0], PIXELS)


def test_transparency_is_laid_over_white() -> None:
    opacity = np.full((*SIZE, 1), 255, np.uint8)
    opacity[0], opacity[1] = 0, 51
    picture = np.concatenate([PIXELS, opacity], axis=-1)
    (decoded,) = graph(tf.constant([encoded(picture, mode="RGBA")])).numpy()
    np.testing.assert_array_equal(decoded[0], 255)
    np.testing.assert_allclose(decoded[1], 0.2 * PIXELS[1] + 0.8 * 255, atol=0.5)
    np.testing.assert_array_equal(decoded[2:], PIXELS[2:])


def test_first_frame_of_an_animated_gif() -> None:
    frames = [Image.new("RGB", (SIZE[1], SIZE[0]), colour) for colour in ((250, 0, 0), (0, 250, 0))]
    buffer = io.BytesIO()
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:], duration=100)
    decoded = graph(tf.constant([buffer.getvalue()]))[0].numpy()
    np.testing.assert_array_equal(decoded, np.broadcast_to((250, 0, 0), (*SIZE, 3)))


@pytest.mark.parametrize("file_format", ["PNG", "JPEG", "GIF", "BMP"])
@pytest.mark.parametrize("kept", [0.1, 0.5, 0.98])
def test_a_truncated_image_is_named_by_its_row(file_format: str, kept: float) -> None:
    whole = encoded(PIXELS, file_format)
    cut = whole[: int(kept * len(whole))]
    assert "rows [1 3] of a batch of 4" in bad_rows([whole, cut, whole, cut])


@pytest.mark.parametrize(
    "wrong",
    [b"", b"P", b"no image at all", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF89a", b"BM", bytes(1000)],
)
def test_what_is_no_image_is_named_by_its_row(wrong: bytes) -> None:
    message = bad_rows([encoded(PIXELS), wrong])
    assert "rows [1] of a batch of 2" in message
    assert "expected whole PNG, JPEG, GIF or BMP" in message


def test_formats_that_are_not_offered_are_refused() -> None:
    assert "rows [0 1] of a batch of 2" in bad_rows([encoded(PIXELS, "WEBP"), encoded(PIXELS, "TIFF")])
    with pytest.raises(tf.errors.InvalidArgumentError, match="24 or 32 bits"):
        decode_image(encoded(PIXELS, "BMP", mode="P"))


def test_a_changed_byte_in_a_png_is_found() -> None:
    changed = bytearray(encoded(PIXELS))
    changed[len(changed) // 2] ^= 0xFF
    assert "rows [0] of a batch of 1" in bad_rows([bytes(changed)])


def png_that_claims(width: int, height: int) -> bytes:
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    whole = encoded(PIXELS)
    return whole[:8] + struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header)) + whole[33:]


def jpeg_that_claims(width: int, height: int) -> bytes:
    whole = bytearray(encoded(PIXELS, "JPEG"))
    frame = whole.index(b"\xff\xc0") + 5
    whole[frame : frame + 4] = struct.pack(">HH", height, width)
    return bytes(whole)


@pytest.mark.parametrize(
    "bomb",
    [png_that_claims(1 << 20, 1 << 20), png_that_claims(8192, 4097), jpeg_that_claims(60000, 60000)],
)
def test_too_many_pixels_are_refused_by_the_header(bomb: bytes) -> None:
    with pytest.raises(tf.errors.InvalidArgumentError, match=f"at most {images.MAX_PIXELS} pixels"):
        decode_image(bomb)
    assert "rows [0] of a batch of 1" in bad_rows([bomb])


def test_a_large_gif_is_refused_before_it_is_unpacked() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (300, 300, 3), dtype=np.uint8)
    large = encoded(noise, "GIF")
    assert len(large) > images.MAX_GIF_BYTES
    with pytest.raises(tf.errors.InvalidArgumentError, match="expected a GIF of at most"):
        decode_image(large)


@settings(deadline=None, max_examples=200)
@given(st.binary(max_size=80), st.sampled_from([b"", *images._SIGNATURES]))
def test_no_bytes_end_the_graph_otherwise_than_by_naming_the_row(tail: bytes, start: bytes) -> None:
    whole = encoded(PIXELS)
    try:
        graph(tf.constant([whole, start + tail]))
    except tf.errors.InvalidArgumentError as error:
        assert "rows [1] of a batch of 2" in error.message  # noqa: PT017
