"""An export as the run that it came of, so that what measures runs measures what will be served."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from kzoo.errors import ExportError
from kzoo.export.card import KERAS_FILE, Card, read_card
from kzoo.training.run_folder import Origin, Run, RunDescription


@contextmanager
def run_of_export(version: Path) -> Iterator[Run]:
    """Yield a finished run whose weights are those of an export, while the block lasts.

    Raises:
        ExportError: if the folder has no card, or one that does not say how the model was trained.
    """
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "final.keras").symlink_to((version / KERAS_FILE).resolve())
        run = Run(folder, _description(read_card(version)))
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
