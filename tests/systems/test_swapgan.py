from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

import kzoo
from kzoo import registry
from kzoo.data.people import PersonArrays, PersonPairs
from kzoo.data.people_parts import PARTS
from kzoo.errors import UnknownNameError, UsageError
from kzoo.losses.perceptual import perceptual_distance
from kzoo.systems.swapgan.evaluate import evaluate
from kzoo.systems.swapgan.network import build_mask_generator, build_picture_generator, paste_head
from kzoo.systems.swapgan.task import judgements, losses

SIZE = 32
NEAR = {"l1", "psnr", "ssim", "l1_body", "l1_unswapped", "l1_body_unswapped"}


def small(name: str) -> keras.Model:
    keras.utils.set_random_seed(0)
    return kzoo.create(name, **registry.find(name).tiny)


def inputs(seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    sizes = {"condition": 3, "reference": 3, "reference_pose": 3, "condition_segments": 5}
    return {
        name: rng.uniform(-1, 1, (2, SIZE, SIZE, count)).astype("float32") for name, count in sizes.items()
    }


@pytest.mark.parametrize(("channels", "parameters"), [(3, 30_144_451), (5, 30_150_723)])
def test_parameters_of_the_picture_generators(channels: int, parameters: int) -> None:
    model = build_picture_generator("generator", condition_channels=channels, width=64, residual_blocks=6)
    stem = 49 * (3 + channels) * 64 + 64
    halving = sum(9 * one * 2 * one + 2 * one for one in (64, 128, 256))
    blocks = 6 * 2 * (9 * 512 * 512 + 512)
    doubling = sum((2 * one + one) * one + one for one in (256, 128, 64))
    assert model.count_params() == parameters == stem + halving + blocks + doubling + 64 * 3 + 3
    names = [layer.name for layer in model.layers if isinstance(layer, keras.layers.UpSampling2D)]
    assert names == ["decode1_up", "decode2_up", "decode3_up"]


def test_the_mask_generator_has_eight_convolutions_and_eight_deconvolutions() -> None:
    model = build_mask_generator("generator", width=64, convolutions=8)
    kinds = [type(layer) for layer in model.layers]
    assert kinds.count(keras.layers.Conv2D) == kinds.count(keras.layers.Conv2DTranspose) == 8
    assert model.count_params() == 54_405_505
    sides = keras.Model(model.input, [model.get_layer(f"encode{n}").output for n in range(1, 9)])
    found = sides.compute_output_shape((1, 128, 128, 3))
    assert [shape[1] for shape in found] == [128, 64, 32, 16, 8, 4, 2, 1]
    assert model.compute_output_shape((1, 128, 128, 3)) == (1, 128, 128, 1)


@pytest.mark.parametrize("convolutions", [1, 9])
def test_a_mask_generator_of_another_depth_is_refused(convolutions: int) -> None:
    with pytest.raises(UsageError, match=f"2 to 8 convolutions; received {convolutions}"):
        build_mask_generator("generator", width=4, convolutions=convolutions)


def test_who_sees_what() -> None:
    model = small("swapgan")
    x = {name: keras.ops.convert_to_tensor(value) for name, value in inputs().items()}
    outputs = model(x, training=False)
    first, second, third, judge = (
        model.get_layer(name) for name in ("generator_1", "generator_2", "generator_3", "discriminator")
    )
    swapped = first({"image": x["condition"], "condition": x["reference_pose"]})
    restored = second({"image": swapped, "condition": x["condition_segments"]})
    for name, expected in {
        "swapped": swapped,
        "restored": restored,
        "mask_swapped": third(swapped),
        "mask_restored": third(restored),
        "score_swapped": judge(np.concatenate([swapped, x["condition"]], axis=-1)),
        "score_restored": judge(np.concatenate([x["reference"], restored], axis=-1)),
    }.items():
        np.testing.assert_allclose(outputs[name], expected, atol=1e-5)
    assert set(outputs) - set(small("swapgan_g1_g2").output) == {"mask_swapped", "mask_restored"}
    assert set(outputs) - set(small("swapgan_g1_g3").output) == {
        "restored",
        "score_restored",
        "mask_restored",
    }


def test_losses_by_hand() -> None:
    outputs: dict[str, Any] = {
        "score_swapped": np.array([0.5, 1.0]),
        "score_restored": np.array([3.0, 1.0]),
        "mask_swapped": np.full((1, 2, 2, 1), 0.25),
        "mask_restored": np.full((1, 2, 2, 1), 0.5),
    }
    batch = {"reference_mask": np.ones((1, 2, 2, 1)), "condition_mask": np.zeros((1, 2, 2, 1))}
    found = {name: float(value) for name, value in losses(outputs, batch, {}).items()}
    assert found == pytest.approx({"adversarial_1": 0.125, "adversarial_2": 2.0, "mask": 5 * (0.75 + 0.5)})
    del outputs["score_restored"], outputs["mask_restored"]
    found = {name: float(value) for name, value in losses(outputs, batch, {"mask_weight": 2}).items()}
    assert found == pytest.approx({"adversarial_1": 0.125, "mask": 1.5})
    with pytest.raises(UnknownNameError, match="mask_weight"):
        losses(outputs, batch, {"mask_wieght": 2})


def test_the_perceptual_loss_is_an_option() -> None:
    x = inputs()
    outputs: dict[str, Any] = {
        "score_swapped": np.zeros(2),
        "score_restored": np.zeros(2),
        "swapped": x["reference_pose"],
        "restored": x["reference"],
    }
    found = losses(outputs, x, {"perceptual_weight": 0.5})["perceptual"]
    expected = perceptual_distance(x["reference_pose"], x["reference"])
    expected += perceptual_distance(x["reference"], x["condition"])
    assert float(found) == pytest.approx(0.5 * float(expected))
    assert "perceptual" not in losses(outputs, x, {})


def test_one_real_pair_is_judged_against_a_fake_of_each_generator() -> None:
    x = inputs()
    swapped, restored = x["condition"] + 1, x["condition"] + 2
    (both,) = judgements({"swapped": swapped, "restored": restored}, x)
    np.testing.assert_array_equal(both.real, np.concatenate([x["reference"], x["condition"]], axis=-1))
    np.testing.assert_array_equal(both.fakes[0], np.concatenate([swapped, x["condition"]], axis=-1))
    np.testing.assert_array_equal(both.fakes[1], np.concatenate([x["reference"], restored], axis=-1))
    (one,) = judgements({"swapped": swapped}, x)
    assert len(one.fakes) == 1


def test_a_head_is_pasted_where_its_map_is_1() -> None:
    head = np.array([0.0, 1.0, 0.5]).reshape(1, 1, 3, 1)
    made = paste_head(np.zeros((1, 1, 3, 3)), np.ones((1, 1, 3, 3)), head)
    np.testing.assert_array_equal(made[0, 0, :, 0], [0, 1, 0.5])


def persons(seed: int) -> PersonArrays:
    """Return pictures whose left half is a face and whose right half is pants."""
    parts = np.full((3, SIZE, SIZE), PARTS.index("face"), np.uint8)
    parts[:, :, SIZE // 2 :] = PARTS.index("pants")
    return PersonArrays(
        images=np.random.default_rng(seed).integers(0, 256, (3, SIZE, SIZE, 3), np.uint8),
        parts=parts,
        key_points=np.ones((3, 18, 3), np.float32),
    )


def test_what_is_measured() -> None:
    reference = persons(1)
    pairs = PersonPairs(persons(0), reference, reference.images // 2, np.array(["a", "b", "c"]), same=False)
    found = evaluate(small("swapgan"), pairs)
    assert set(found) == {*NEAR, "ssim_condition"}
    away = np.abs(reference.images.astype(float) - reference.images // 2)
    head, body = away[:, :, : SIZE // 2].mean(), away[:, :, SIZE // 2 :].mean()
    assert found["l1_unswapped"] == pytest.approx((head + body) / 2, rel=1e-6)
    assert found["l1_body_unswapped"] == pytest.approx(body, rel=1e-6)
    assert found["l1"] == pytest.approx((head + found["l1_body"]) / 2, rel=1e-6), "the head is pasted"
    assert found["l1_body"] != pytest.approx(body, rel=0.01)
    unknown = PersonPairs(persons(0), reference, None, pairs.ids, same=False)
    assert set(evaluate(small("swapgan"), unknown)) == {"ssim_condition"}
    assert set(evaluate(small("swapgan_g1_g3"), pairs)) == NEAR
