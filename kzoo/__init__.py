"""kzoo: a TensorFlow/Keras model zoo with serving.

The public face. Importing this package imports neither TensorFlow nor Keras; the functions that build or
load a model do so when they are called.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import keras

__version__ = "0.1.0"
__all__ = ["__version__", "card", "create", "features", "list_models", "load"]


def create(name: str, **options: Any) -> keras.Model:
    """Build a registered model with fresh weights.

    Args:
        name: as `list_models` gives it.
        **options: of the model's build function, as `classes=100`.

    Raises:
        UnknownNameError: for an unknown model or option, naming the nearest.
    """
    from kzoo import registry

    return registry.find(name).build(**options)


def load(path: str | Path) -> keras.Model:
    """Load a trained model from a run folder (its best weights), an export folder, or a `.keras` file.

    Raises:
        RunError: if there is no model at `path`.
    """
    from kzoo.training.models import load_model
    from kzoo.training.run_folder import Run

    path = Path(path)
    if (path / "run.json").is_file():
        return Run.open(path).model()
    return load_model(path / "model.keras" if path.is_dir() else path)


def list_models(pattern: str = "*") -> list[str]:
    """Return the names of the registered models that match a shell pattern, as `cfn_*`."""
    from kzoo import registry

    return registry.names(pattern)


def card(name: str) -> str:
    """Return the model card of a registered model as Markdown: source, numbers, recipes, open choices.

    Raises:
        UnknownNameError: for an unknown model, naming the nearest.
    """
    from kzoo import registry
    from kzoo.cards import render_card

    return render_card(registry.find(name))


def features(model: keras.Model, names: str | Sequence[str]) -> keras.Model:
    """Return a model from the same input to named features, sharing all weights with `model`.

    Args:
        model: a registered model, built or loaded.
        names: one public feature name (as "side_1", "embedding") or layer name, or several; several give
            a dict of outputs.

    Raises:
        UnknownNameError: for a name that is neither, naming the nearest.
    """
    from kzoo.named_features import feature_model

    return feature_model(model, names)
