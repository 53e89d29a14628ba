"""An export as the run that it came of, so that what measures runs measures what will be served."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from kzoo.errors import ExportError
from kzoo.export.card import KERAS_FILE, Card, read_card
from kzoo.training.run_folder import Origin, Run, RunDescription

if TYPE_CHECKING:
    import keras


class _LoadedOnce(Run):
    """A run that is measured several times, and whose model is loaded the first time."""

    def __init__(self, folder: Path, description: RunDescription) -> None:
        super().__init__(folder, description)
        self._models: dict[str, keras.Model] = {}

    def model(self, which: str = "best") -> keras.Model:
        """Return the trained model, always the same one."""
        if which not in self._models:
            self._models[which] = super().model(which)
        return self._models[which]


@contextmanager
def run_of_export(version: Path) -> Iterator[Run]:
    """Yield a finished run whose weights are those of an export, while the block lasts.

    Raises:
        ExportError: if the folder has no card, or one that does not say how the model was trained.
    """
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "final.keras").symlink_to((version / KERAS_FILE).resolve())
        run = _LoadedOnce(folder, _description(read_card(version)))
        (folder / "run.json").write_text(json.dumps(run.description.to_json()), encoding="utf-8")
        yield run


def _description(card: Card) -> RunDescription:
    training, data = card.training, card.data
    if training is None or data is None:
        raise ExportError(f"the card of {card.name} does not say how the model was trained")
    return RunDescription(
        model=card.name,
        options=training.options,
        recipe_name=training.recipe_name,
        recipe=training.recipe,
        data={**data.model_dump(), "classes": list(card.classes)},
        strategy=training.strategy,
        precision=training.precision,
        deterministic=training.deterministic,
        origin=Origin(**training.origin) if training.origin else None,
        environment=training.environment,
    )
