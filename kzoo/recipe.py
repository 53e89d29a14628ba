"""Recipe: all that a training run needs to know besides the network, as typed data.

A recipe is printed as YAML, and changed by dotted keys: `recipe.override(["optimizer.learning_rate=0.05"])`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, PositiveInt, ValidationError, model_validator

from kzoo.errors import UnknownNameError, UsageError


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Data(_Section):
    """Where the examples come from."""

    name: str = Field(description="a registered data set, or a folder")
    train_split: str = "train"
    validation_split: str | None = Field(
        default="validation", description="for keeping the best model; None keeps the last"
    )
    test_split: str = "test"
    image_encoder: str | None = Field(
        default=None, description="of image-text data: what makes its image features"
    )
    text_encoder: str | None = Field(
        default=None, description="of image-text data: what makes its text features"
    )


class Pipeline(_Section):
    """What happens to an image before the network sees it."""

    normalization: Literal["global_contrast", "channel_means", "none"] = "global_contrast"
    augmentation: Literal["none", "pad_crop_flip", "random_crop_flip"] = "none"
    image_size: tuple[PositiveInt, PositiveInt] | None = Field(
        default=None, description="(height, width) at which edges are learnt; None for the pictures' own"
    )
    padding: int = Field(default=4, ge=0, description="pixels on each side, for pad_crop_flip")
    resize: int | None = Field(
        default=None, ge=1, description="pixels a side that random_crop_flip cuts from; then it is needed"
    )

    @model_validator(mode="after")
    def _resize_goes_with_random_crop_flip(self) -> Pipeline:
        if (self.augmentation == "random_crop_flip") != (self.resize is not None):
            raise ValueError("resize and augmentation: random_crop_flip go together")
        return self


class Optimizer(_Section):
    """The optimiser, by its Keras name, and what is set per weight."""

    name: Literal["sgd", "adam"] = "sgd"
    learning_rate: float = Field(gt=0)
    momentum: float = Field(default=0.9, ge=0, lt=1, description="of sgd; beta_1 of adam")
    weight_decay: float = Field(default=0.0, ge=0, description="L2, added to the gradients of kernels")
    clip_norm: float | None = Field(default=None, gt=0, description="of all gradients together")
    learning_rate_multipliers: dict[str, float] = Field(
        default_factory=dict, description="layer name to the factor of its weights' learning rate"
    )


class Schedule(_Section):
    """How the rate goes on from `optimizer.learning_rate`; times in the unit of the recipe's length."""

    kind: Literal["constant", "piecewise", "cosine", "linear", "plateau"] = "constant"
    boundaries: tuple[float, ...] = Field(default=(), description="when a piecewise rate falls")
    factor: float = Field(default=0.1, gt=0, description="by which a piecewise or plateau rate falls")
    start: float = Field(default=0.0, ge=0, description="when a linear rate begins to fall to 0 at the end")
    warmup: float = Field(default=0.0, ge=0, description="of a cosine rate, linear from 0")
    patience: int = Field(
        default=5, ge=1, description="epochs without a better validation metric before a plateau rate falls"
    )

    @model_validator(mode="after")
    def _boundaries_go_with_piecewise(self) -> Schedule:
        if (self.kind == "piecewise") != bool(self.boundaries):
            raise ValueError("boundaries and kind: piecewise go together")
        if list(self.boundaries) != sorted(self.boundaries):
            raise ValueError("boundaries must ascend")
        return self


class Blessing(_Section):
    """What a retrained model must reach on the evaluation split before it is pushed.

    Both bounds are shares, 0 to 1, of the best that the metric can be: of accuracy 1, of a percentage 100, of
    r_sum 600.
    """

    metric: str | None = Field(
        default=None, description="that decides, as `kzoo evaluate` names it; that of the task if left out"
    )
    at_least: float = Field(default=0.0, ge=0, le=1, description="share below which none is")
    worse_by: float = Field(
        default=0.02, ge=0, le=1, description="share by which it may fall short of the last pushed one"
    )


class Stage(_Section):
    """One part of a training in stages; what it does not say is as in the recipe."""

    name: str = Field(pattern="^[a-z][a-z0-9_]*$")
    epochs: float | None = Field(default=None, gt=0)
    steps: int | None = Field(default=None, gt=0)
    learning_rate: float = Field(gt=0)
    freeze: tuple[str, ...] = ()
    loss_options: dict[str, Any] = Field(default_factory=dict, description="that differ from the recipe's")


class Recipe(_Section):
    """One training run. Its length is given as `steps`, as `epochs` or by `stages`, one of the three."""

    description: str = ""
    data: Data
    pipeline: Pipeline = Pipeline()
    options: dict[str, Any] = Field(
        default_factory=dict, description="arguments of the model's build function"
    )
    loss: Literal["sparse_categorical_crossentropy", "own"] = Field(
        default="sparse_categorical_crossentropy", description="own: the loss terms of the system itself"
    )
    loss_options: dict[str, Any] = Field(
        default_factory=dict, description="arguments of the system's own loss, as margin"
    )
    optimizer: Optimizer
    schedule: Schedule = Schedule()
    batch_size: int = Field(gt=0, description="over all replicas together")
    epochs: float | None = Field(default=None, gt=0)
    steps: int | None = Field(default=None, gt=0)
    stages: tuple[Stage, ...] = Field(default=(), description="trained one after the other")
    freeze: tuple[str, ...] = Field(default=(), description="layers, or 'trunk': all but the classifier's")
    seed: int = 0
    blessing: Blessing = Blessing()

    @model_validator(mode="after")
    def _one_length(self) -> Recipe:
        lengths = (self.epochs is not None) + (self.steps is not None) + bool(self.stages)
        if lengths != 1:
            raise ValueError("give steps or epochs, and not both; or stages, each with a length of its own")
        for stage in self.stages:
            if (stage.epochs is None) == (stage.steps is None):
                raise ValueError(f"stage {stage.name}: give steps or epochs, and not both")
        names = [stage.name for stage in self.stages]
        if len(set(names)) != len(names):
            raise ValueError(f"stages need names of their own; received {names}")
        return self

    def in_stages(self) -> tuple[tuple[str, Recipe], ...]:
        """Return (name, recipe without stages) of each stage; without stages ("", the recipe itself)."""
        if not self.stages:
            return (("", self),)
        return tuple(
            (
                stage.name,
                self.model_copy(
                    update={
                        "stages": (),
                        "epochs": stage.epochs,
                        "steps": stage.steps,
                        "freeze": (*self.freeze, *stage.freeze),
                        "optimizer": self.optimizer.model_copy(update={"learning_rate": stage.learning_rate}),
                        "loss_options": {**self.loss_options, **stage.loss_options},
                    }
                ),
            )
            for stage in self.stages
        )

    def steps_per_epoch(self, examples: int) -> int:
        """Return the steps in which `examples` training examples are seen once, rounded up."""
        return math.ceil(examples / self.batch_size)

    def total_steps(self, examples: int) -> int:
        """Return the length of the run in steps, for a training split of `examples` examples."""
        if self.stages:
            return sum(recipe.total_steps(examples) for _, recipe in self.in_stages())
        if self.steps is not None:
            return self.steps
        assert self.epochs is not None
        return math.ceil(self.epochs * self.steps_per_epoch(examples))

    def in_steps(self, time: float, examples: int) -> int:
        """Return `time`, given in the recipe's own unit (steps or epochs), in steps."""
        return round(time if self.steps is not None else time * self.steps_per_epoch(examples))

    def override(self, assignments: Sequence[str]) -> Recipe:
        """Return a recipe with each "dotted.key=value" applied; values are read as YAML.

        Setting `epochs` or `steps` unsets the other, and `stages`.

        Raises:
            UnknownNameError: for a key the recipe does not have, with the nearest it has.
            UsageError: for an assignment without "=", or a value that does not fit its key.
        """
        content = self.model_dump(mode="json")
        for assignment in assignments:
            key, separator, text = assignment.partition("=")
            if not separator:
                raise UsageError(f"expected key=value; received {assignment!r}")
            try:
                value = yaml.safe_load(text)
            except yaml.YAMLError as error:
                raise UsageError(f"{key}: {text!r} is not a YAML value: {error}") from error
            _assign(content, key.strip(), value)
            content |= _OTHER_LENGTHS.get(key.strip(), {})
        return _validated(content)

    def to_yaml(self) -> str:
        """Return the recipe as YAML; `from_yaml` reads it back."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, width=100)

    @classmethod
    def from_yaml(cls, text: str) -> Recipe:
        """Read a recipe.

        Raises:
            UsageError: if the text is no YAML mapping, or a value does not fit.
            UnknownNameError: for a key that recipes do not have.
        """
        try:
            content = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise UsageError(f"the recipe is not YAML: {error}") from error
        if not isinstance(content, dict):
            raise UsageError(f"a recipe is a YAML mapping; received {type(content).__name__}")
        return _validated(content)


_OTHER_LENGTHS: dict[str, dict[str, Any]] = {
    "epochs": {"steps": None, "stages": ()},
    "steps": {"epochs": None, "stages": ()},
    "stages": {"epochs": None, "steps": None},
}


def _assign(content: dict[str, Any], key: str, value: Any) -> None:
    *sections, last = key.split(".")
    place: Any = content
    free = False
    for depth, section in enumerate(sections):
        if not isinstance(place, dict) or section not in place:
            raise UnknownNameError("recipe key", key, _dotted_keys(content))
        free = depth == 0 and section in ("options", "loss_options")
        place = place[section]
    free = free or (len(sections) > 0 and sections[-1] == "learning_rate_multipliers")
    if not isinstance(place, dict) or (last not in place and not free):
        raise UnknownNameError("recipe key", key, _dotted_keys(content))
    place[last] = value


def _dotted_keys(content: Mapping[str, Any], prefix: str = "") -> list[str]:
    keys = []
    for name, value in content.items():
        keys.append(prefix + name)
        if isinstance(value, dict):
            keys.extend(_dotted_keys(value, f"{prefix}{name}."))
    return keys


def _validated(content: Mapping[str, Any]) -> Recipe:
    try:
        return Recipe.model_validate(content)
    except ValidationError as error:
        first = min(error.errors(), key=lambda found: found["type"] != "extra_forbidden")
        key = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            raise UnknownNameError("recipe key", key, _dotted_keys(_EVERY_KEY)) from error
        received = f"; received {first['input']!r}" if key and first["type"] != "missing" else ""
        raise UsageError(f"recipe{' key ' + key if key else ''}: {first['msg']}{received}") from error


_EVERY_KEY = Recipe(
    data=Data(name=""), optimizer=Optimizer(learning_rate=1.0), batch_size=1, steps=1
).model_dump(mode="json")
