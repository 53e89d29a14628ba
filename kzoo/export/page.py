"""The card of an export as a page in Markdown."""

from __future__ import annotations

import json
from collections.abc import Iterator

from kzoo.cards import markdown_table
from kzoo.export.card import Card, TensorDescription

ANSWERED_BY = {
    "savedmodel": "a process without kzoo and Keras",
    "litert": "LiteRT's interpreter",
    "onnx": "ONNX Runtime",
}


def render_page(card: Card) -> str:
    """Return the page; it is a function of the card alone."""
    return "\n".join(_lines(card)).rstrip() + "\n"


def _lines(card: Card) -> Iterator[str]:
    yield f"# {card.name}, version {card.version}\n"
    yield f"{card.summary[:1].upper()}{card.summary[1:]}. {card.source}.\n"
    yield f"Exported {card.created.isoformat()}.\n"
    yield markdown_table(
        ("", ""),
        [
            ("input", _input(card)),
            ("parameters", f"{card.parameters.trainable:,} trainable, {card.parameters.total:,} in all"),
            ("computes in", card.verification.compute_dtype),
            ("licence of the code", card.licence.code),
            ("licence of the weights", card.licence.weights),
        ],
    )
    if card.classes:
        yield f"\n{len(card.classes)} classes: {', '.join(card.classes)}.\n"
    yield ""
    yield "## Endpoints\n"
    yield markdown_table(
        ("signature", "takes", "gives"),
        [
            (f"`{name}`", _tensors(one.inputs), _tensors(one.outputs))
            for name, one in sorted(card.signatures.items())
        ],
    )
    yield f"\n{_verified(card)}\n"
    yield from _training(card)
    yield "## Metrics\n"
    if card.metrics is None:
        yield "None: the model was not evaluated before it was exported.\n"
    else:
        yield f"```json\n{json.dumps(card.metrics, indent=2, sort_keys=True)}\n```\n"
    yield "## Files\n"
    yield markdown_table(
        ("file", "bytes", "SHA-256"),
        [(f"`{name}`", f"{file.bytes:,}", f"`{file.sha256}`") for name, file in sorted(card.files.items())],
    )


def _input(card: Card) -> str:
    parts = [
        f"{name} {' x '.join('any' if size is None else str(size) for size in shape)}"
        for name, shape in card.input.shapes.items()
    ]
    if card.input.normalization != "none":
        parts.append(f"{card.input.normalization} normalisation")
    parts += [f"{name.replace('_', ' ')} {encoder}" for name, encoder in card.input.encoders.items()]
    return ", ".join(parts)


def _verified(card: Card) -> str:
    who = ANSWERED_BY[card.form]
    if (cost := card.quantization) is not None:
        return (
            f"Weights and activations are rounded to int8, calibrated on {cost.calibration_images:,} images "
            f"of {cost.calibrated_on}. On {cost.measured_images:,} images of {cost.measured_on} the error is "
            f"{cost.error_percent:.2f} %; of the Keras model it is {cost.error_percent_before:.2f} % "
            f"({cost.most_loss_percent:g} percentage points more are allowed)."
        )
    return (
        f"Before it was published, {who} answered {card.verification.requests} requests; its answers differ "
        f"from the Keras model's by at most {card.verification.largest_difference:.2g} "
        f"({card.verification.tolerance:g} is allowed)."
    )


def _training(card: Card) -> Iterator[str]:
    yield "## Training\n"
    if card.data is not None:
        parts = ", ".join(f"{count:,} {split}" for split, count in sorted(card.data.examples.items()))
        yield (
            f"Data: {card.data.name} ({parts}), fingerprint `{card.data.fingerprint}`; "
            f"licence: {card.data.licence or 'not recorded'}; source: {card.data.source or 'not recorded'}.\n"
        )
    if card.training is None:
        yield "How the weights were trained was not recorded.\n"
        return
    training = card.training
    if training.origin is not None:
        yield f"Fine-tuned from `{training.origin['path']}`, SHA-256 `{training.origin['sha256']}`.\n"
    yield (
        f"Recipe `{training.recipe_name}`, {training.weights} weights, precision {training.precision}, "
        f"{training.strategy.get('name')} with {training.strategy.get('replicas')} replicas:\n"
    )
    yield f"```yaml\n{training.recipe.to_yaml()}```\n"


def _tensors(tensors: dict[str, TensorDescription]) -> str:
    return "; ".join(f"`{name}` {one.dtype} {_shape(one.shape)}" for name, one in sorted(tensors.items()))


def _shape(shape: tuple[int | None, ...]) -> str:
    return "(" + ", ".join("N" if size is None else str(size) for size in shape) + ")"
