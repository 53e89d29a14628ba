"""The Evaluator of systems whose metrics TFMA does not have: recalls, boundaries, what `evaluate` returns."""

import json
from pathlib import Path

import numpy as np
from tfx import v1 as tfx
from tfx.dsl.component.experimental.decorators import component
from tfx.types import Artifact, artifact_utils
from tfx.utils import path_utils

from kzoo import registry
from kzoo.evaluation.embedding import Embedder
from kzoo.evaluation.evaluate import MEASURES
from kzoo.evaluation.transfer import retrieval
from kzoo.recipe import Blessing
from tfx_pipeline.blessing import MEAN_AVERAGE_PRECISION, N_S, RETRIEVAL, decide, deciding_metric
from tfx_pipeline.examples import CLASS, IMAGE, byte_values, strings
from tfx_pipeline.exported import run_of_export
from tfx_pipeline.kinds import Described, kind_named
from tfx_pipeline.records import Records
from tfx_pipeline.reports import PipelineReport

EVAL = "eval"


@component
def KzooEvaluator(  # noqa: N802, PLR0917  a component is named like a class, its inputs are many
    examples: tfx.dsl.components.InputArtifact[tfx.types.standard_artifacts.Examples],
    model: tfx.dsl.components.InputArtifact[tfx.types.standard_artifacts.Model],
    evaluation: tfx.dsl.components.OutputArtifact[tfx.types.standard_artifacts.ModelEvaluation],
    blessing: tfx.dsl.components.OutputArtifact[tfx.types.standard_artifacts.ModelBlessing],
    system: tfx.dsl.components.Parameter[str],
    data: tfx.dsl.components.Parameter[str],
    thresholds: tfx.dsl.components.Parameter[str],
    baseline_model: tfx.dsl.components.InputArtifact[tfx.types.standard_artifacts.Model] = None,
) -> None:
    """Measure a model and the one before on the split "eval" as `kzoo evaluate` does; bless it or not."""
    records = Records.in_folders({EVAL: artifact_utils.get_split_uri([examples], EVAL)})
    described, bounds = Described(**json.loads(data)), Blessing.model_validate_json(thresholds)
    retrieves = deciding_metric(registry.find(system), bounds) in RETRIEVAL

    def measured(one: Artifact) -> dict[str, dict[str, float]]:
        version = Path(path_utils.serving_model_path(one.uri))
        found = measure(version, described, records)
        if retrieves:
            for name, of_vectors in measure_vectors(version, records).items():
                found[name] |= of_vectors
        return found

    metrics = measured(model)
    before = None if baseline_model is None else measured(baseline_model)[""]
    report = PipelineReport(
        system=system,
        data=described.name,
        verdict=decide(metrics[""], before, bounds, registry.find(system)),
        metrics=metrics.pop(""),
        baseline=before,
        slices=metrics,
    )
    report.write(Path(evaluation.uri))
    _bless(blessing, model, baseline_model, report.verdict.blessed)


def measure(version: Path, described: Described, records: Records) -> dict[str, dict[str, float]]:
    """Return the metrics of an export, over all examples under "", and over those of each category alone.

    Args:
        version: its folder.
        described, records: of the split "eval".
    """
    kind = kind_named(described.kind)
    parts = {"": records, **{name: records.of_category(name) for name in records.categories(EVAL)}}
    with run_of_export(version) as run:
        task = registry.find(run.description.model).task
        return {
            name: MEASURES[task](run, kind.open(described, part), EVAL, "final", True)["metrics"]
            for name, part in parts.items()
        }


def measure_vectors(version: Path, records: Records) -> dict[str, dict[str, float]]:
    """Return how well images of one class find each other by an export's vectors.

    Each image whose class has another one queries the rest of the split "eval"; see
    `kzoo.evaluation.transfer.retrieval`. Under a category stand its own queries.

    Args:
        version: its folder.
        records: of the split "eval", one class an image.

    Raises:
        ExportError: if the export has no endpoint `embed`.
        DataError: if no class has two images.
    """
    features = records.features(EVAL)
    names = [strings(one, CLASS)[0] for one in features]
    categories, labels = np.unique(names, return_inverse=True)
    vectors = Embedder.open(version).in_batches([byte_values(one, IMAGE)[0] for one in features])
    found = {"": _retrieval(vectors, labels, None)}
    for number in np.flatnonzero(np.bincount(labels) > 1):
        found[str(categories[number])] = _retrieval(vectors, labels, int(number))
    return found


def _retrieval(vectors: np.ndarray, labels: np.ndarray, of: int | None) -> dict[str, float]:
    precision, score, _ = retrieval(vectors, labels, of)
    return {MEAN_AVERAGE_PRECISION: precision, **({} if score is None else {N_S: score})}


def _bless(
    blessing: Artifact,
    model: Artifact,
    baseline: Artifact | None,
    blessed: bool,
) -> None:
    folder = Path(blessing.uri)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ("BLESSED" if blessed else "NOT_BLESSED")).touch()
    blessing.set_int_custom_property("blessed", int(blessed))
    for role, one in (("current", model), ("baseline", baseline)):
        if one is not None:
            blessing.set_string_custom_property(f"{role}_model", one.uri)
            blessing.set_int_custom_property(f"{role}_model_id", one.id)
