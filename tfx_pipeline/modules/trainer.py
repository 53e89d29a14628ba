"""The Trainer's `run_fn`: the same training and the same export as `kzoo train` and `kzoo export`."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kzoo import registry
from kzoo.export import export_run
from kzoo.export.card import KERAS_FILE
from kzoo.recipe import Recipe
from kzoo.training.strategy import make_strategy
from kzoo.training.train import Training, train
from tfx_pipeline.kinds import Described, kind_named
from tfx_pipeline.records import Records

WARM_UP_EXAMPLES = 8


@dataclass(frozen=True)
class TrainerConfig:
    """What the Trainer is told besides its files; JSON values, as TFX keeps them with the execution.

    Attributes:
        system: registered name.
        recipe: its recipe as YAML.
        recipe_name: what it is called.
        data: the fields of `tfx_pipeline.kinds.Described`.
        runs: folder of run folders; a training that was interrupted goes on in its own.
        strategy: a name of `kzoo.training.strategy`.
    """

    system: str
    recipe: str
    recipe_name: str
    data: Mapping[str, Any]
    runs: str
    strategy: str = "mirrored"


def run_fn(fn_args: Any) -> None:
    """Train, from the last blessed model where there is one, and write the export as TFX's Model artifact.

    Args:
        fn_args: TFX's `FnArgs`, with a `TrainerConfig` as its custom_config.
    """
    config = TrainerConfig(**fn_args.custom_config["kzoo"])
    described, records = Described(**config.data), _records(fn_args)
    source = kind_named(described.kind).open(described, records)
    system = registry.find(config.system)
    start = _start(fn_args.base_model)
    recipe = Recipe.from_yaml(config.recipe)
    data = {"name": described.name, "train_split": "train", "validation_split": "validation"}
    recipe = recipe.model_copy(
        update={
            "data": recipe.data.model_copy(update=data),
            "options": {} if start else recipe.options,
        }
    )
    run = train(
        Training(
            system=system,
            recipe_name=config.recipe_name,
            recipe=recipe,
            source=source,
            out=Path(config.runs) / _key(config, start),
            strategy=make_strategy(config.strategy),
            start=start,
            quiet=True,
        )
    )
    with tempfile.TemporaryDirectory() as folder:
        examples = records.images("validation", WARM_UP_EXAMPLES)
        version = export_run(run, Path(folder), version=1, examples=examples, quiet=True)
        shutil.copytree(version, fn_args.serving_model_dir, dirs_exist_ok=True)
    shutil.copytree(run.folder, fn_args.model_run_dir, dirs_exist_ok=True)


def _records(fn_args: Any) -> Records:
    import tensorflow as tf

    return Records(
        {
            "train": sorted(tf.io.gfile.glob(fn_args.train_files)),
            "validation": sorted(tf.io.gfile.glob(fn_args.eval_files)),
        }
    )


def _start(base_model: str | None) -> Path | None:
    return Path(base_model) / KERAS_FILE if base_model else None


def _key(config: TrainerConfig, start: Path | None) -> str:
    told = json.dumps([config.system, config.recipe, config.data["fingerprint"], str(start)])
    return f"{config.system}-{hashlib.sha256(told.encode()).hexdigest()[:12]}"
