"""What an exported SwapGAN answers."""

from __future__ import annotations

import keras
import tensorflow as tf

from kzoo.data.endpoints import traced_once
from kzoo.data.images import decode_image, resize_image
from kzoo.system import Signature, System
from kzoo.systems.swapgan.network import paste_head

SIDE = 128
BYTES = ("condition_bytes", "reference_bytes", "reference_pose_bytes", "reference_head_bytes")
TENSORS = {"condition": 3, "reference": 3, "reference_pose": 3, "reference_head": 1}
MOST = 255.0


def signatures(model: keras.Model, _system: System, _classes: tuple[str, ...]) -> dict[str, Signature]:
    """Return the endpoints: Generator I, and the reference's head pasted on what it makes.

    - `swap`, and the same as `serving_default`: condition_bytes, reference_bytes, reference_pose_bytes and
      reference_head_bytes, string (1,), PNG, JPEG, GIF or BMP of any size, each scaled to 128x128; the pose
      is the picture that `kzoo.data.pose.draw_pose` draws, the head white on black. To image uint8
      (1, 128, 128, 3).
    - `swap_tensor`: condition, reference, reference_pose, float32 (N, 128, 128, 3), and reference_head,
      float32 (N, 128, 128, 1), all 0 to 255, to image float32 (N, 128, 128, 3), 0 to 255.
    """
    posed = keras.Model(
        {name: model.input[name] for name in ("condition", "reference_pose")},
        model.output["swapped"],
        name="posed",
    )

    arrays = tuple(
        tf.TensorSpec((None, SIDE, SIDE, channels), tf.float32, name=name)
        for name, channels in TENSORS.items()
    )

    def swap_arrays(
        condition: tf.Tensor, reference: tf.Tensor, reference_pose: tf.Tensor, reference_head: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        made = posed(
            {"condition": condition / 127.5 - 1, "reference_pose": reference_pose / 127.5 - 1},
            training=False,
        )
        pixels = (tf.cast(made, tf.float32) + 1) * 127.5
        return {"image": paste_head(pixels, reference, reference_head / MOST)}

    swapped = traced_once(swap_arrays, *arrays)

    def from_bytes(
        condition_bytes: tf.Tensor,
        reference_bytes: tf.Tensor,
        reference_pose_bytes: tf.Tensor,
        reference_head_bytes: tf.Tensor,
    ) -> dict[str, tf.Tensor]:
        pictures = [
            tf.cast(resize_image(decode_image(encoded[0])[None], (SIDE, SIDE)), tf.float32)
            for encoded in (condition_bytes, reference_bytes, reference_pose_bytes, reference_head_bytes)
        ]
        condition, reference, pose, head = pictures
        made = swapped(condition, reference, pose, tf.reduce_mean(head, axis=-1, keepdims=True))["image"]
        return {"image": tf.cast(tf.round(tf.clip_by_value(made, 0.0, MOST)), tf.uint8)}

    encoded = tuple(tf.TensorSpec((1,), tf.string, name=name) for name in BYTES)
    swap = Signature(from_bytes, encoded, (posed,))
    return {"serving_default": swap, "swap": swap, "swap_tensor": Signature(swapped, arrays, (posed,))}
