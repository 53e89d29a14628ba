from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from serving_models import example, floats
from tensorflow_serving.apis.input_pb2 import Input

from kzoo.serving.errors import FailedPreconditionError, InvalidArgumentError
from kzoo.serving.examples import arrays_of, classifications, examples_of, regressions
from kzoo.serving.tensors import TensorSpec

LIMIT = 1 << 16
PAIR = {"x": TensorSpec("float32", (None, 2))}


def texts(*values: bytes) -> tf.train.Feature:
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=values))


def integers(*values: int) -> tf.train.Feature:
    return tf.train.Feature(int64_list=tf.train.Int64List(value=values))


def test_a_shared_context_is_joined_to_each_example_whose_own_features_win() -> None:
    given = Input()
    shared = given.example_list_with_context
    shared.context.CopyFrom(example(a=floats(1), b=floats(2)))
    shared.examples.extend([example(c=floats(3)), example(b=floats(4))])
    assert examples_of(given) == [
        example(a=floats(1), b=floats(2), c=floats(3)),
        example(a=floats(1), b=floats(4)),
    ]


def test_no_examples_are_refused() -> None:
    with pytest.raises(InvalidArgumentError, match=r"Input is empty\."):
        examples_of(Input())


def test_a_signature_that_parses_examples_gets_them_serialized() -> None:
    one = example(x=floats(1, 2))
    arrays = arrays_of([one], {"inputs": TensorSpec("string", (None,))}, max_bytes=LIMIT)
    assert arrays["inputs"].tolist() == [one.SerializeToString()]


def test_other_signatures_get_the_features_by_name() -> None:
    inputs = {
        "image_bytes": TensorSpec("string", (None,)),
        "size": TensorSpec("int32", (None, 2)),
        "weights": TensorSpec("float32", (None, 2, 1)),
    }
    examples = [
        example(image_bytes=texts(text), size=integers(n, 2), weights=floats(n, 0.5))
        for n, text in enumerate([b"a", b"b"])
    ]
    arrays = arrays_of(examples, inputs, max_bytes=LIMIT)
    assert arrays["image_bytes"].tolist() == [b"a", b"b"]
    assert arrays["size"].dtype == np.int32
    assert arrays["size"].tolist() == [[0, 2], [1, 2]]
    assert arrays["weights"].tolist() == [[[0], [0.5]], [[1], [0.5]]]


@pytest.mark.parametrize(
    ("features", "said"),
    [
        ({}, "needs the feature 'x'; received none"),
        ({"y": floats(1)}, r"received \['y'\]"),
        ({"x": floats(1)}, "needs 2 values; received 1"),
        ({"x": integers(1, 2)}, "must be a float_list; received int64_list"),
        ({"x": tf.train.Feature()}, "received nothing"),
    ],
)
def test_examples_that_do_not_fit_are_refused(features: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidArgumentError, match=said):
        arrays_of([example(**features)], PAIR, max_bytes=LIMIT)


def test_integers_that_do_not_fit_are_refused() -> None:
    with pytest.raises(InvalidArgumentError, match="does not fit uint8"):
        arrays_of([example(x=integers(300))], {"x": TensorSpec("uint8", (None,))}, max_bytes=LIMIT)


@pytest.mark.parametrize("shape", [(None, None, 3), (2, 2), (), None])
def test_inputs_that_no_example_can_give_are_refused(shape: tuple[int | None, ...] | None) -> None:
    with pytest.raises(FailedPreconditionError, match="an Example cannot give the input 'x'"):
        arrays_of([example(x=floats(1))], {"x": TensorSpec("float32", shape)}, max_bytes=LIMIT)


def test_memory_is_bounded_before_it_is_taken() -> None:
    with pytest.raises(InvalidArgumentError, match="take more than 65536 bytes"):
        arrays_of([example()] * 9, {"x": TensorSpec("float32", (None, 1 << 10))}, max_bytes=LIMIT)


def test_classes_and_scores_become_classifications() -> None:
    outputs = {
        "classes": np.array([[b"a", b"b"], [b"c", b"\xff"]], object),
        "scores": np.array([[0.75, 0.25], [0.5, 0.125]], np.float32),
    }
    result = classifications(outputs, 2)
    pairs = [[(one.label, one.score) for one in row.classes] for row in result.classifications]
    assert pairs == [[("a", 0.75), ("b", 0.25)], [("c", 0.5), ("\ufffd", 0.125)]]
    only_scores = classifications({"scores": outputs["scores"]}, 2).classifications[0].classes
    assert [(one.label, one.score) for one in only_scores] == [("", 0.75), ("", 0.25)]
    only_labels = classifications({"classes": outputs["classes"]}, 2).classifications[0].classes
    assert [(one.label, one.score) for one in only_labels] == [("a", 0), ("b", 0)]


@pytest.mark.parametrize(
    "outputs",
    [
        {"embedding": np.zeros((2, 3), np.float32)},
        {"scores": np.zeros(2, np.float32)},
        {"scores": np.zeros((3, 2), np.float32)},
        {"scores": np.zeros((2, 2), np.int32)},
        {"scores": np.zeros((2, 3), np.float32), "classes": np.full((2, 2), b"", object)},
    ],
)
def test_outputs_that_are_no_classification_are_refused(outputs: dict[str, np.ndarray]) -> None:
    with pytest.raises(FailedPreconditionError, match=r"Classify needs|of one shape"):
        classifications(outputs, 2)


@pytest.mark.parametrize("shape", [(2,), (2, 1)])
def test_one_value_a_row_is_a_regression(shape: tuple[int, ...]) -> None:
    values = np.array([0.5, -2], np.float32).reshape(shape)
    for outputs in ({"outputs": values, "other": values * 2}, {"price": values}):
        assert [one.value for one in regressions(outputs, 2).regressions] == [0.5, -2]


@pytest.mark.parametrize("shape", [(2, 2), (3,), ()])
def test_outputs_that_are_no_regression_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(FailedPreconditionError, match=r"Regress needs the output 'outputs'"):
        regressions({"outputs": np.zeros(shape, np.float32)}, 2)
