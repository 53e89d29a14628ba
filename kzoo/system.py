"""The System contract: what every model of the zoo gives, and all that the verbs know of it.

A `System` is data plus references to functions. A reference is written "package.module:function"
and imported when it is first called, so that listing models imports neither TensorFlow nor Keras.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kzoo.errors import UnknownNameError, UsageError
from kzoo.recipe import Recipe

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class PublishedResult:
    """One number that the thesis prints.

    Attributes:
        table: its number, as "2.2".
        row, column: their headings as printed.
        value: the number, in the unit of `metric`.
        metric: the name under which `evaluate` returns the same quantity, as "error_percent".
        system: the registered model that the row stands for.
        data: the data set's name, as `open_source` knows it.
    """

    table: str
    row: str
    column: str
    value: float
    metric: str
    system: str
    data: str


@dataclass(frozen=True)
class Signature:
    """One endpoint of an exported model.

    Attributes:
        function: TensorFlow function of the inputs, by position, to outputs by name.
        inputs: their specs, in order.
        tracked: what the function uses besides the model: Keras models and modules with weights or tables.
    """

    function: Callable[..., Mapping[str, Any]]
    inputs: tuple[Any, ...]
    tracked: tuple[Any, ...] = ()


@dataclass(frozen=True, kw_only=True)
class System:
    """One registered model.

    Attributes:
        name: the name it is created by.
        room: the folder of `kzoo.systems` it lives in.
        summary: one line for listings.
        build_reference: function `(name=..., **options) -> keras.Model`: functional, every layer named.
        options: the arguments that `build_reference` gets unless overridden; all that it accepts.
        tiny: options of a variant that builds and trains in a second, for the contract suite.
        task: the kind of problem, a name of `kzoo.training.tasks`: what its data, batches and validation are.
        image_size: (height, width) of the images that go in; None for a network over features.
        inputs: input name to shape without the batch, None for any size; for networks that take more than one
            image.
        normalization: of the input pipeline and the exported graph alike.
        parameters: trainable parameters with the default options; a test recomputes it.
        features: public feature name to the name of the layer whose output it is.
        recipes: name to recipe.
        published: the thesis's numbers for this model.
        signatures_reference: function `(model, system, classes) -> dict[str, Signature]`; of a network over
            features also with the names of their encoders, `image_encoder` and `text_encoder`.
        evaluate_reference: function `(model, data) -> dict[str, float]`, by the thesis's metrics; data are
            what the task measures on: batches of (image, label), or the arrays of a split.
        ensemble_reference: function `(models, data) -> dict[str, float]`, the same of several models of this
            system together, where they can be joined.
        validation_metric: name in the logs of an epoch by which the best weights are kept, higher is better,
            where it is not that of the task.
        losses_reference: function `(outputs, batch, options) -> dict[str, scalar]` of loss terms whose sum is
            minimised, for recipes with the loss "own".
        judgements_reference: function `(outputs, batch) -> tuple[kzoo.losses.Judgement, ...]`: what the
            discriminators of an adversarial model are to tell apart; all its other layers are generators'.
        card_text: path of the hand-written part of the model card.
    """

    name: str
    room: str
    summary: str
    build_reference: str
    options: Mapping[str, Any]
    tiny: Mapping[str, Any]
    task: str = "classification"
    image_size: tuple[int, int] | None = None
    inputs: Mapping[str, tuple[int | None, ...]] = field(default_factory=dict)
    normalization: str = "none"
    parameters: int
    features: Mapping[str, str]
    recipes: Mapping[str, Recipe]
    signatures_reference: str
    evaluate_reference: str
    card_text: Path
    published: tuple[PublishedResult, ...] = field(default=())
    ensemble_reference: str | None = None
    losses_reference: str | None = None
    judgements_reference: str | None = None
    validation_metric: str | None = None

    @property
    def input_shapes(self) -> dict[str, tuple[int | None, ...]]:
        """Input name to shape without the batch; "image" for a network over one image."""
        return dict(self.inputs) if self.image_size is None else {"image": (*self.image_size, 3)}

    def build(self, **options: Any) -> keras.Model:
        """Build the network; `options` override the system's own.

        Raises:
            UnknownNameError: for an option that the system does not have.
        """
        for option in options:
            if option not in self.options:
                raise UnknownNameError(f"option of {self.name}", option, self.options)
        return resolve(self.build_reference)(name=self.name, **{**self.options, **options})

    def signatures(
        self, model: keras.Model, classes: tuple[str, ...], **encoders: str
    ) -> dict[str, Signature]:
        """Return the endpoints of an export of `model`.

        Args:
            model: of this system.
            classes: names of its outputs; none for what does not classify.
            encoders: for a network over features, image_encoder and text_encoder: what made them.
        """
        return resolve(self.signatures_reference)(model, self, classes, **encoders)

    def evaluate(self, model: keras.Model, data: Any) -> dict[str, float]:
        """Return the thesis's metrics of `model` over what its task measures on."""
        return resolve(self.evaluate_reference)(model, data)

    def evaluate_ensemble(self, models: Sequence[keras.Model], data: Any) -> dict[str, float]:
        """Return the thesis's metrics of several models joined.

        Raises:
            UsageError: if models of this system cannot be joined.
        """
        if self.ensemble_reference is None:
            raise UsageError(f"{self.name} has no ensemble of several models")
        return resolve(self.ensemble_reference)(models, data)

    def losses(self, outputs: Any, batch: Mapping[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
        """Return the named loss terms of a batch; their sum is minimised.

        Raises:
            UsageError: if the system has none of its own.
        """
        if self.losses_reference is None:
            raise UsageError(f"{self.name} has no loss of its own; its recipes name a stock loss")
        return resolve(self.losses_reference)(outputs, batch, options)

    def judgements(self, outputs: Any, batch: Mapping[str, Any]) -> tuple[Any, ...]:
        """Return what each discriminator is to tell apart in a batch.

        Raises:
            UsageError: if the system has no discriminators.
        """
        if self.judgements_reference is None:
            raise UsageError(f"{self.name} has no discriminators")
        return resolve(self.judgements_reference)(outputs, batch)

    def recipe(self, name: str) -> Recipe:
        """Return the recipe called `name`.

        Raises:
            UnknownNameError: if there is none.
        """
        if name not in self.recipes:
            raise UnknownNameError(f"recipe of {self.name}", name, self.recipes)
        return self.recipes[name]

    def recipe_for(self, data: str) -> tuple[str, Recipe]:
        """Return the first recipe written for the data set `data`, with its name.

        For data that no recipe was written for (a folder, another data set) it is the last recipe, the short
        one, with its data set replaced.
        """
        for name, recipe in self.recipes.items():
            if recipe.data.name == data:
                return name, recipe
        name, recipe = list(self.recipes.items())[-1]
        return name, recipe.model_copy(update={"data": recipe.data.model_copy(update={"name": data})})


def resolve(reference: str) -> Callable[..., Any]:
    """Import and return the function that "package.module:function" names.

    Raises:
        UsageError: if the reference is not of that form or leads nowhere.
    """
    module, separator, function = reference.partition(":")
    if not separator:
        raise UsageError(f"expected 'package.module:function'; received {reference!r}")
    try:
        return getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError) as error:
        raise UsageError(f"{reference!r} cannot be imported: {error}") from error
