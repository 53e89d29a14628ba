"""A pool of earlier fakes, from which discriminators are shown half of what they judge."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf


class ImagePool:
    """The last fakes of a generator, some of them given back in place of new ones (Shrivastava et al. 2017).

    Until it is full, the pool keeps each image and gives it back. From then on every image is given back
    itself, or, with a chance of one half, replaces a kept one, which is given back in its place.

    Its state is in `variables`; what it draws follows from the seed and the images seen. Under tf.distribute
    all replicas share one pool: each sees the images of all in the order of the whole batch.

    Args:
        size: images that are kept.
        spec: of a batch of images, float (N, H, W, C), of static shape but for N.
        seed: of the draws.
        name: of the variables.

    Raises:
        ValueError: if height, width or channels are not static.
    """

    def __init__(self, size: int, spec: tf.TensorSpec, *, seed: int, name: str) -> None:
        shape = tuple(spec.shape[1:])
        if None in shape:
            raise ValueError(f"{name}: expected images of one size; received shape {tuple(spec.shape)}")
        self.size = size
        self.seed = seed
        self.kept = self._variable((size, *shape), spec.dtype.name, f"{name}_images")
        self.seen = self._variable((), "int64", f"{name}_seen")

    @staticmethod
    def _variable(shape: tuple[int, ...], dtype: str, name: str) -> keras.Variable:
        return keras.Variable(
            "zeros", shape=shape, dtype=dtype, trainable=False, aggregation="only_first_replica", name=name
        )

    @property
    def variables(self) -> list[keras.Variable]:
        """The kept images (size, H, W, C) and how many have been seen."""
        return [self.kept, self.seen]

    def exchange(self, images: tf.Tensor) -> tf.Tensor:
        """Show the pool a batch of images and return as many: some new, some kept from earlier."""
        context = tf.distribute.get_replica_context()
        replicas = context.num_replicas_in_sync
        local = tf.shape(images)[0]
        if replicas > 1:
            images = context.all_gather(images, axis=0)
        given, kept, seen = self._exchanged(images)
        self.kept.assign(kept)
        self.seen.assign(seen)
        return given[context.replica_id_in_sync_group * local :][:local] if replicas > 1 else given

    def _exchanged(self, images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        def one(number: tf.Tensor, given: Any, kept: tf.Tensor, seen: tf.Tensor) -> tuple[Any, ...]:
            image = images[number]
            swaps = tf.random.stateless_uniform((), (self.seed, seen)) < 0.5
            drawn = tf.random.stateless_uniform(
                (), (self.seed + 1_000_003, seen), 0, self.size, dtype=tf.int64
            )
            filling = seen < self.size
            place = tf.where(filling, seen, drawn)
            shown = tf.where(~filling & swaps, kept[place], image)
            stored = tf.where(filling | swaps, image, kept[place])
            kept = tf.tensor_scatter_nd_update(kept, [[place]], stored[None])
            return number + 1, given.write(number, shown), kept, seen + 1

        count = tf.shape(images)[0]
        given = tf.TensorArray(images.dtype, count, element_shape=images.shape[1:])
        state = (tf.constant(0), given, tf.convert_to_tensor(self.kept), tf.convert_to_tensor(self.seen))
        _, given, kept, seen = tf.while_loop(lambda number, *_: number < count, one, state)
        return tf.ensure_shape(given.stack(), images.shape), kept, seen
