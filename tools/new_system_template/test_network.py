from __future__ import annotations

import pytest

import kzoo
from kzoo.errors import UsageError


def test_the_layers_have_the_shapes_of_the_figure() -> None:
    model = kzoo.create("my_system")
    shapes = {layer.name: layer.output.shape[1:] for layer in model.layers}
    assert shapes["pool1"] == (16, 16, 16)
    assert shapes["main"] == (32,)
    assert shapes["logits"] == (10,)


def test_other_channels_than_two_are_refused() -> None:
    with pytest.raises(UsageError, match="two convolutions"):
        kzoo.create("my_system", channels=(1, 2, 3))
