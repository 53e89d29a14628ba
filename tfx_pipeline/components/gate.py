"""The gate after ExampleValidator, which only writes down what is wrong with a span."""

from pathlib import Path

from tfx import v1 as tfx
from tfx.dsl.component.experimental.decorators import component

from kzoo.errors import DataError


@component
def AnomalyGate(  # noqa: N802  a component is named like a class
    anomalies: tfx.dsl.components.InputArtifact[tfx.types.standard_artifacts.ExampleAnomalies],
) -> None:
    """Stop the pipeline at anomalies, and say in words what they are.

    Raises:
        DataError: if a split has any.
    """
    found = [
        f"split {split}: {text}"
        for split, folder in _splits(Path(anomalies.uri))
        for text in describe(folder / "SchemaDiff.pb")
    ]
    if found:
        raise DataError("the spans do not fit their schema: " + "; ".join(found))


def describe(path: Path) -> list[str]:
    """Return the anomalies that ExampleValidator wrote into a file, one line each."""
    from tensorflow_metadata.proto.v0 import anomalies_pb2

    content = anomalies_pb2.Anomalies.FromString(path.read_bytes())
    lines = [f"{name}: {one.description}" for name, one in sorted(content.anomaly_info.items())]
    if content.HasField("dataset_anomaly_info"):
        lines.append(content.dataset_anomaly_info.description)
    return [*lines, "no examples"] if content.data_missing else lines


def _splits(folder: Path) -> list[tuple[str, Path]]:
    return [(path.name.removeprefix("Split-"), path) for path in sorted(folder.glob("Split-*"))]
