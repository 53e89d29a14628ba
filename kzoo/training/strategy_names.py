"""Names of the strategies there are, and why others are refused; needs no TensorFlow."""

from __future__ import annotations

STRATEGIES = ("auto", "single", "mirrored", "multiworker")
REFUSED = {
    "tpu": "TPUs are not supported: nothing of kzoo was ever run on one",
    "parameter_server": "Keras 3 models do not train under ParameterServerStrategy",
}


def refusal(name: str) -> str | None:
    """Return why there is no strategy of this name, or None if that has no reason of its own."""
    name = name.replace("-", "_")
    return f"strategy {name!r} is refused: {REFUSED[name]}" if name in REFUSED else None
