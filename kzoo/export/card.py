"""The card of an exported model, card.json: what it is and where it comes from, as typed data."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from kzoo.errors import ExportError
from kzoo.recipe import Recipe

CARD_FILE, PAGE_FILE, KERAS_FILE = "card.json", "card.md", "model.keras"


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Input(_Section):
    """What goes into the network."""

    shapes: dict[str, tuple[int | None, ...]] = Field(description="by name, without the batch")
    normalization: str = Field(description="of images, done inside the exported graph")
    encoders: dict[str, str] = Field(default_factory=dict, description="that make the features it takes")


class Parameters(_Section):
    """Numbers of scalars in the weights of model.keras."""

    trainable: int
    total: int


class TensorDescription(_Section):
    """A tensor of an endpoint; None stands for a size that a request may choose."""

    dtype: str
    shape: tuple[int | None, ...]


class Endpoint(_Section):
    """A signature of the SavedModel."""

    inputs: dict[str, TensorDescription]
    outputs: dict[str, TensorDescription]


class FileRecord(_Section):
    """A file of the export."""

    bytes: int
    sha256: str


class TrainingRecord(_Section):
    """How the weights came to be."""

    recipe_name: str
    recipe: Recipe
    options: dict[str, Any]
    weights: Literal["best", "final"]
    strategy: dict[str, Any]
    precision: str
    deterministic: bool
    origin: dict[str, str] | None = Field(description="the model that it was fine-tuned from")
    environment: dict[str, str]


class DataRecord(_Section):
    """What the weights were trained on; None where the run does not say."""

    name: str
    fingerprint: str
    examples: dict[str, int]
    licence: str | None = None
    source: str | None = None

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> DataRecord:
        """Take what a run's description says of its data; classes are on the card already."""
        return cls(**{name: data[name] for name in cls.model_fields if name in data})


class Licence(_Section):
    """Terms of use, of code and of weights apart."""

    code: str
    weights: str


class Verification(_Section):
    """The comparison that was made before the export was published."""

    requests: int = Field(description="answered by the export and by the Keras model")
    compute_dtype: str = Field(description="the narrowest that a layer computes in")
    tolerance: float | None = Field(description="None where it is the error that is bounded: `Quantization`")
    largest_difference: float


class Quantization(_Section):
    """What rounding to int8 cost: the error on images that it was not calibrated on."""

    calibrated_on: str
    calibration_images: int
    measured_on: str
    measured_images: int
    error_percent_before: float
    error_percent: float
    most_loss_percent: float

    @property
    def loss_percent(self) -> float:
        """Percentage points that the error grew by; negative where it fell."""
        return self.error_percent - self.error_percent_before


class Card(_Section):
    """What card.json holds."""

    format: Literal[1] = 1
    form: Literal["savedmodel", "litert", "onnx"] = "savedmodel"
    name: str
    version: int
    room: str
    summary: str
    created: datetime
    classes: tuple[str, ...]
    input: Input
    parameters: Parameters
    signatures: dict[str, Endpoint]
    verification: Verification
    quantization: Quantization | None = None
    training: TrainingRecord | None
    data: DataRecord | None
    metrics: dict[str, Any] | None
    licence: Licence
    source: str
    environment: dict[str, str]
    files: dict[str, FileRecord]


def read_card(folder: Path) -> Card:
    """Read the card of an export folder.

    Raises:
        ExportError: if there is none, or it is not what `Card` says; the message names the field.
    """
    path = folder / CARD_FILE
    try:
        return Card.model_validate_json(path.read_bytes())
    except OSError as error:
        raise ExportError(f"{folder} is no export folder: {path} cannot be read: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise ExportError(f"{path} is no card{': ' + field if field else ''}: {first['msg']}") from error
