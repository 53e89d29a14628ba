"""What the builders of the house's drawings have in common: one configuration an image size."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow_datasets as tfds


def size_configs(sizes: Sequence[int]) -> list[tfds.core.BuilderConfig]:
    """Return a configuration a size, named as "64px"."""
    return [
        tfds.core.BuilderConfig(name=f"{size}px", description=f"{size} by {size} pixels") for size in sizes
    ]


class DrawnAtSizes(tfds.core.GeneratorBasedBuilder):
    """Square drawings; its BUILDER_CONFIGS are `size_configs`."""

    @property
    def image_size(self) -> int:
        """Side of the square drawings, in pixels, from the configuration's name."""
        return int(self.builder_config.name.removesuffix("px"))
