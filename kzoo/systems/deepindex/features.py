"""Features of the patches of images: any network by name, any of its layers by name."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from kzoo.data.progress import progress_bar
from kzoo.errors import UnknownNameError, UsageError
from kzoo.files import cache_folder, sha256_of_file, write_atomic
from kzoo.system import resolve
from kzoo.systems.deepindex.pyramid import PATCHES, pyramid
from kzoo.systems.deepindex.vectors import Floats

if TYPE_CHECKING:
    import keras

Images = Callable[[int], npt.NDArray[np.uint8]]
_IMAGES_A_CHUNK = 32


@dataclass(frozen=True)
class Network:
    """Where features come from.

    Attributes:
        pixels: side of the square that patches are resized to, unless another is asked for.
        load_reference: function `(pixels, weights) -> keras.Model` of RGB images (N, H, W, 3), 0 to 255.
        weights_reference: function `() -> Path` of the weights that come with a package; None where a file is
            asked for.
    """

    pixels: int
    load_reference: str
    weights_reference: str | None = None


NETWORKS: Mapping[str, Network] = {
    "alexnet": Network(227, "kzoo.systems.deepindex.network:load_alexnet"),
    "vgg19": Network(224, "kzoo.systems.deepindex.network:load_vgg19"),
    "vgg16_hed": Network(
        224, "kzoo.systems.deepindex.features:load_vgg16_hed", "kzoo.backbones.vgg16:weight_file"
    ),
    "efficientnet_lite0": Network(
        224,
        "kzoo.systems.deepindex.features:load_efficientnet_lite0",
        "kzoo.backbones.efficientnet_lite0:weight_file",
    ),
}


@dataclass(frozen=True)
class PatchEncoder:
    """Layers of one network, as features of patches.

    Attributes:
        network: a key of NETWORKS.
        layers: names of its layers; maps (N, H, W, C) are averaged over places.
        pixels: side that patches are resized to; 0 for the network's own.
        weights: a file, for the networks that need one.
    """

    network: str
    layers: tuple[str, ...]
    pixels: int = 0
    weights: Path | None = None

    def __post_init__(self) -> None:
        if self.network not in NETWORKS:
            raise UnknownNameError("network", self.network, NETWORKS)
        packaged = NETWORKS[self.network].weights_reference is not None
        if packaged != (self.weights is None) or not self.layers or self.pixels < 0:
            raise UsageError(
                f"expected layers, pixels of 0 or more, and {'no' if packaged else 'a'} file of weights for "
                f"{self.network}; received {self}"
            )

    @property
    def side(self) -> int:
        """Pixels a side of what the network sees."""
        return self.pixels or NETWORKS[self.network].pixels

    def model(self) -> keras.Model:
        """Return the network from patches, RGB 0 to 255, to the features of each layer, (N, D) by its name.

        Raises:
            UnknownNameError: if the network has no such layer.
            DataError: if its weights cannot be read.
        """
        import keras

        whole = resolve(NETWORKS[self.network].load_reference)(self.side, self.weights)
        known = [layer.name for layer in whole.layers]
        outputs = {}
        for name in self.layers:
            if name not in known:
                raise UnknownNameError(f"layer of {self.network}", name, known)
            x = whole.get_layer(name).output
            outputs[name] = keras.ops.mean(x, axis=(1, 2)) if len(x.shape) == 4 else x
        return keras.Model(whole.inputs, outputs, name=f"{self.network}_patches")

    def export(self, folder: Path) -> None:
        """Write a SavedModel whose `embed` takes image_bytes string (N,) and answers (N, D) of each layer.

        Raises: as `model`.
        """
        import keras
        import tensorflow as tf

        from kzoo.data.images import decode_images

        model = self.model()
        archive = keras.export.ExportArchive()
        archive.track(model)
        archive.add_endpoint(
            "embed",
            lambda image_bytes: model(decode_images(image_bytes, (self.side, self.side)), training=False),
            input_signature=[tf.TensorSpec([None], tf.string, name="image_bytes")],
        )
        archive.write_out(str(folder), verbose=False)

    def fingerprint(self) -> str:
        """Return a SHA-256 over what the features depend on besides the images."""
        network = NETWORKS[self.network]
        file = self.weights or resolve(network.weights_reference or "")()
        content = [self.network, self.layers, self.side, sha256_of_file(file), PATCHES]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def patch_features(
    encoder: PatchEncoder, images: Images, count: int, fingerprint: str, *, label: str = "features"
) -> dict[str, Floats]:
    """Return the features of the pyramid's patches, float32 (N, 14, D) of each layer, in ENCODER's order.

    They are kept in the cache folder, chunk by chunk, under a hash of the network and the images;
    interrupted, the computation goes on where it stopped.

    Args:
        encoder: network and layers.
        images: from a number to uint8 (H, W, 3), 0 to `count` - 1.
        count: images.
        fingerprint: of the images; changes whenever one of them does.
        label: of the progress bar.

    Raises:
        DataError: if an image is too small, or weights cannot be read.
    """
    key = hashlib.sha256(f"{encoder.fingerprint()}:{fingerprint}:{count}".encode()).hexdigest()
    folder = cache_folder("deepindex", key[:32])
    starts = range(0, count, _IMAGES_A_CHUNK)
    paths = [folder / f"{start:07d}.npz" for start in starts]
    missing = [(start, path) for start, path in zip(starts, paths, strict=True) if not path.is_file()]
    if missing:
        model = encoder.model()
        for start, path in progress_bar(missing, label, total=len(missing)):
            numbers = range(start, min(start + _IMAGES_A_CHUNK, count))
            chunk = _encoded(model, encoder.side, [images(number) for number in numbers])
            content = io.BytesIO()
            np.savez(content, **chunk)  # type: ignore[arg-type]
            write_atomic(path, content.getvalue())
    chunks = [dict(np.load(path)) for path in paths]
    return {layer: np.concatenate([chunk[layer] for chunk in chunks]) for layer in encoder.layers}


def _encoded(
    model: keras.Model, side: int, images: Sequence[npt.NDArray[np.uint8]]
) -> dict[str, npt.NDArray[np.float32]]:
    """Return the features of the images' patches; patches that are equal are computed once."""
    patches = [patch for image in images for patch in pyramid(image)]
    stacked = np.stack([resized(patch, side) for patch in patches])
    _, first, back = np.unique(
        stacked.reshape(len(stacked), -1), axis=0, return_index=True, return_inverse=True
    )
    different = stacked[first]
    padding = -len(different) % PATCHES
    padded = np.concatenate([different, np.repeat(different[:1], padding, axis=0)]).astype(np.float32)
    parts = [
        model.predict_on_batch(padded[start : start + PATCHES]) for start in range(0, len(padded), PATCHES)
    ]
    return {
        name: np.concatenate([part[name] for part in parts])[back.ravel()]
        .reshape(len(images), PATCHES, -1)
        .astype(np.float32)
        for name in parts[0]
    }


def resized(patch: npt.NDArray[np.uint8], side: int) -> npt.NDArray[np.uint8]:
    """Return a patch uint8 (H, W, 3) as (side, side, 3)."""
    from PIL import Image

    if patch.shape[:2] == (side, side):
        return patch
    return np.asarray(Image.fromarray(patch).resize((side, side), Image.Resampling.BILINEAR))


def load_vgg16_hed(pixels: int, _weights: Path | None) -> keras.Model:
    """Return VGG-16's trunk with HED's weights; layers block1_conv1 to block5_conv3."""
    from kzoo.backbones import vgg16

    return vgg16.pretrained((pixels, pixels))


def load_efficientnet_lite0(pixels: int, _weights: Path | None) -> keras.Model:
    """Return EfficientNet-Lite0 with ImageNet weights; layers block_0_add ... and features."""
    from kzoo.backbones import efficientnet_lite0

    return efficientnet_lite0.pretrained((pixels, pixels))
