"""The pipeline of any registered system: from spans of data to a version that servers load, or not.

ImportExampleGen -> StatisticsGen -> ExampleValidator (curated schema) -> AnomalyGate -> Trainer (warm start
from the last pushed model) -> Evaluator, or KzooEvaluator where TFMA has no such metric (value and change
thresholds, against that model), IndexBuilder where an index is wanted, and EmbeddedInfraValidator ->
VersionPusher.
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.proto import config_pb2
from tfx import v1 as tfx

from kzoo import registry
from kzoo.errors import UsageError
from kzoo.recipe import Blessing, Recipe
from tfx_pipeline.blessing import decided_by_tfma
from tfx_pipeline.components.evaluator import KzooEvaluator
from tfx_pipeline.components.gate import AnomalyGate
from tfx_pipeline.components.index import IndexBuilder
from tfx_pipeline.components.infra import EmbeddedInfraValidator
from tfx_pipeline.components.push import VersionPusher
from tfx_pipeline.examples import CLASS, LABEL, SPLITS
from tfx_pipeline.kinds import Described, kind_named
from tfx_pipeline.modules.trainer import TrainerConfig
from tfx_pipeline.schemas import write_schema
from tfx_pipeline.settings import Settings
from tfx_pipeline.spans import Span, describe, fingerprint, schema_key, window

BASELINE = "baseline"
LATEST_BLESSED = "latest blessed"


def make_pipeline(
    settings: Settings, *, baseline: str | None = LATEST_BLESSED, metadata: bool = True
) -> tfx.dsl.Pipeline:
    """Return the pipeline over the newest spans.

    Args:
        settings: of the system, its spans and its folders.
        baseline: the Model artifact that training begins from and that the new model is compared with; None
            for the first model; LATEST_BLESSED lets TFX look for it when the pipeline runs.
        metadata: keep the metadata in the file of `settings`; not where an orchestrator has a store.

    Raises:
        UnknownNameError: if the system is not registered.
        UsageError: if an index is asked for of a system that embeds no images.
        DataError: if there is no span, or one is broken or of other classes than the newest.
    """
    system = registry.find(settings.system)
    if settings.index and system.image_size is None:
        raise UsageError(f"{system.name} has no endpoint `embed` for images, by which an index is made")
    spans = window(settings.spans, last=settings.last)
    described = describe(spans)
    kind = kind_named(described.kind)
    config = _trainer_config(settings, described)

    examples = tfx.components.ImportExampleGen(
        input_base=str(link_window(settings, spans)),
        input_config=tfx.proto.Input(
            splits=[tfx.proto.Input.Split(name=split, pattern=f"*.{split}.tfrecord.gz") for split in SPLITS]
        ),
    )
    statistics = tfx.components.StatisticsGen(examples=examples.outputs["examples"])
    schema = tfx.components.ImportSchemaGen(
        schema_file=str(write_schema(kind.schema(described), _schema_folder(settings, described)))
    )
    validator = tfx.components.ExampleValidator(
        statistics=statistics.outputs["statistics"], schema=schema.outputs["schema"]
    )
    gate = AnomalyGate(anomalies=validator.outputs["anomalies"])
    before = _baseline(baseline)
    base_model = None if before is None else before.outputs[_output_of(before)]
    trainer = tfx.components.Trainer(
        run_fn="tfx_pipeline.modules.trainer.run_fn",
        examples=examples.outputs["examples"],
        schema=schema.outputs["schema"],
        base_model=base_model,
        train_args=tfx.proto.TrainArgs(splits=["train"]),
        eval_args=tfx.proto.EvalArgs(splits=["validation"]),
        custom_config={"kzoo": dataclasses.asdict(config)},
    )
    trainer.add_upstream_node(gate)
    compared = {
        "examples": examples.outputs["examples"],
        "model": trainer.outputs["model"],
        "baseline_model": base_model,
    }
    evaluator = (
        tfx.components.Evaluator(**compared, eval_config=evaluation(settings.recipe), example_splits=["eval"])
        if decided_by_tfma(system, settings.recipe)
        else KzooEvaluator(
            **compared,
            system=settings.system,
            data=json.dumps(config.data),
            thresholds=settings.recipe.blessing.model_dump_json(),
        )
    )
    index = (
        [
            IndexBuilder(
                model=trainer.outputs["model"],
                examples=examples.outputs["examples"],
                name=settings.system,
                data=json.dumps(config.data),
            )
        ]
        if settings.index
        else []
    )
    beside = {"index": index[0].outputs["index"]} if index else {}
    infra = EmbeddedInfraValidator(
        model=trainer.outputs["model"],
        examples=examples.outputs["examples"],
        name=settings.system,
        data=json.dumps(config.data),
        container=settings.container,
        **beside,
    )
    pusher = VersionPusher(
        model=trainer.outputs["model"],
        blessing=evaluator.outputs["blessing"],
        infra_blessing=infra.outputs["blessing"],
        name=settings.system,
        destination=str(settings.destination.resolve()),
        keep=settings.keep,
        lineage=json.dumps(lineage(spans, described, settings.recipe_name)),
        **beside,
    )
    return tfx.dsl.Pipeline(
        pipeline_name=settings.name,
        pipeline_root=str(settings.artifacts.resolve()),
        components=[
            examples, statistics, schema, validator, gate, *([before] if before else []),
            trainer, evaluator, *index, infra, pusher,
        ],
        enable_cache=True,
        metadata_connection_config=_store(settings) if metadata else None,
        beam_pipeline_args=list(settings.beam_arguments),
    )  # fmt: skip


def _store(settings: Settings) -> Any:
    return tfx.orchestration.metadata.sqlite_metadata_connection_config(str(settings.metadata.resolve()))


def _baseline(baseline: str | None) -> Any:
    if baseline is None:
        return None
    if baseline == LATEST_BLESSED:
        return tfx.dsl.Resolver(
            strategy_class=tfx.dsl.experimental.LatestBlessedModelStrategy,
            model=tfx.dsl.Channel(type=tfx.types.standard_artifacts.Model),
            model_blessing=tfx.dsl.Channel(type=tfx.types.standard_artifacts.ModelBlessing),
        ).with_id(BASELINE)
    return tfx.dsl.Importer(
        source_uri=baseline, artifact_type=tfx.types.standard_artifacts.Model, reimport=False
    ).with_id(BASELINE)


def _output_of(node: Any) -> str:
    return next(key for key in node.outputs if key in ("model", "result"))


def evaluation(recipe: Recipe) -> tfma.EvalConfig:
    """Return what the Evaluator measures, over all examples and by class; all of them together decide."""
    blessing = recipe.blessing
    threshold = tfma.MetricThreshold(
        value_threshold=tfma.GenericValueThreshold(lower_bound={"value": blessing.at_least}),
        change_threshold=tfma.GenericChangeThreshold(
            direction=tfma.MetricDirection.HIGHER_IS_BETTER, absolute={"value": -blessing.worse_by}
        ),
    )
    overall = config_pb2.PerSliceMetricThreshold(slicing_specs=[tfma.SlicingSpec()], threshold=threshold)
    accuracy = tfma.MetricConfig(class_name="SparseCategoricalAccuracy", per_slice_thresholds=[overall])
    return tfma.EvalConfig(
        model_specs=[
            tfma.ModelSpec(signature_name="serving_default", label_key=LABEL, prediction_key="probabilities")
        ],
        slicing_specs=[tfma.SlicingSpec(), tfma.SlicingSpec(feature_keys=[CLASS])],
        metrics_specs=[
            tfma.MetricsSpec(
                metrics=[tfma.MetricConfig(class_name="ExampleCount"), accuracy],
            )
        ],
    )


def link_window(settings: Settings, spans: Sequence[Span]) -> Path:
    """Return a folder that holds the files of a window's spans, as links; the same for the same spans."""
    folder = settings.root / "windows" / fingerprint(spans)[:16]
    folder.mkdir(parents=True, exist_ok=True)
    for span in spans:
        for split in SPLITS:
            link = folder / f"{span.name}.{split}.tfrecord.gz"
            if not link.exists():
                os.link(settings.spans / span.name / f"{split}.tfrecord.gz", link)
    return folder.resolve()


def lineage(spans: Sequence[Span], described: Described, recipe_name: str) -> dict[str, Any]:
    """Return where a version comes from, as JSON values."""
    return {
        "spans": [span.name for span in spans],
        "data": sorted({span.data for span in spans}),
        "fingerprint": described.fingerprint,
        "recipe": recipe_name,
        "schema": schema_key(described),
    }


def _trainer_config(settings: Settings, described: Described) -> TrainerConfig:
    """Return what decides on training; bounds of blessing do not, so that others need no new training."""
    return TrainerConfig(
        system=settings.system,
        recipe=settings.recipe.model_copy(update={"blessing": Blessing()}).to_yaml(),
        recipe_name=settings.recipe_name,
        data=dataclasses.asdict(described),
        runs=str((settings.root / "runs").resolve()),
        strategy=settings.strategy,
    )


def _schema_folder(settings: Settings, described: Described) -> Path:
    return settings.root / "schemas" / schema_key(described)
