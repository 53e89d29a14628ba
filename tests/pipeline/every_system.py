"""The pipeline of each registered system, over a span of the kind that its task opens, in one process."""

from __future__ import annotations

import json
import sys
import typing
from pathlib import Path
from typing import Any

from kzoo import registry
from kzoo.files import sha256_of_file
from kzoo.system import System
from kzoo.training.tasks import find_task
from tfx_pipeline.examples import SPLITS
from tfx_pipeline.kinds import KINDS, Kind
from tfx_pipeline.settings import Settings

FACTS: dict[str, dict[str, Any]] = {
    "captioned_pairs": {
        "image_encoder": "efficientnet_lite0",
        "text_encoder": "minilm",
        "multi_label": False,
    },
    "edges": {"max_distance": 0.0075},
    "domains": {"domains": ["outline", "color"], "paired": True},
    "people": {"true_swaps": True},
}


def kinds_of(system: System) -> list[Kind]:
    """Return the kinds of what the system's task opens, as its annotation says."""
    opened = typing.get_type_hints(type(find_task(system.task)).open)["return"]
    sources = typing.get_args(opened) or (opened,)
    return [kind for kind in KINDS.values() if kind.source_type in sources]


def span_of(kind: Kind, spans: Path) -> Path:
    """Write span-1 of a kind, as building a pipeline reads it: whole files of no examples."""
    folder = spans / "span-1"
    folder.mkdir(parents=True)
    for split in SPLITS:
        (folder / f"{split}.tfrecord.gz").touch()
    told = {
        "number": 1,
        "kind": kind.name,
        "data": "house",
        "licence": "CC0",
        "classes": ["a", "b"],
        "examples": dict.fromkeys(SPLITS, 8),
        "sha256": {split: sha256_of_file(folder / f"{split}.tfrecord.gz") for split in SPLITS},
        "facts": FACTS.get(kind.name, {}),
    }
    (folder / "span.json").write_text(json.dumps(told))
    return spans


def settings_of(system: System, spans: Path, folder: Path) -> Settings:
    """Return the settings of a system's short recipe, with an index where it embeds images."""
    recipe = list(system.recipes)[-1]
    return Settings(
        system=system.name,
        recipe_name=recipe,
        recipe=system.recipe(recipe),
        spans=spans,
        root=folder,
        destination=folder / "savedmodels",
        index=system.image_size is not None and system.task == "classification",
    )


def build_all(folder: Path) -> None:
    """Build the pipeline of every system over each of its kinds; compile one of each shape for Kubeflow.

    Writes components.json: "SYSTEM KIND" to the names of its components, and NAMES.json, a specification with
    the components of these names.
    """
    from tfx_pipeline.kubeflow import write_specification
    from tfx_pipeline.pipeline import make_pipeline

    spans = {name: span_of(kind, folder / "spans" / name) for name, kind in KINDS.items()}
    components: dict[str, list[str]] = {}
    for name in registry.names():
        system = registry.find(name)
        for kind in kinds_of(system):
            settings = settings_of(system, spans[kind.name], folder / "root")
            names = [one.id for one in make_pipeline(settings).components]
            components[f"{name} {kind.name}"] = names
            specification = folder / f"{'+'.join(sorted(names))}.json"
            if not specification.exists():
                write_specification(settings, specification, "kzoo:latest")
    (folder / "components.json").write_text(json.dumps(components))


if __name__ == "__main__":
    build_all(Path(sys.argv[1]))
