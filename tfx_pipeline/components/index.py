"""The IndexBuilder: an index of the images of all spans, by the vectors of the new model."""

import json
from pathlib import Path

from tfx import v1 as tfx
from tfx.dsl.component.experimental.decorators import component
from tfx.types import Artifact, artifact_utils
from tfx.utils import path_utils

from kzoo.errors import DataError
from kzoo.evaluation.embedding import Embedder
from kzoo.retrieval import Index
from tfx_pipeline.examples import CLASS, ID, IMAGE, SPLITS, byte_values, strings
from tfx_pipeline.kinds import Described
from tfx_pipeline.records import Records
from tfx_pipeline.versions import ANY_VERSION


class RetrievalIndex(Artifact):
    """A folder that `kzoo.retrieval.Index.save` wrote, of vectors of version `ANY_VERSION` of its model."""

    TYPE_NAME = "kzoo.RetrievalIndex"  # Kubeflow takes names of types of ours only as NAMESPACE.TITLE


@component
def IndexBuilder(  # noqa: N802  a component is named like a class
    model: tfx.dsl.components.InputArtifact[tfx.types.standard_artifacts.Model],
    examples: tfx.dsl.components.InputArtifact[tfx.types.standard_artifacts.Examples],
    index: tfx.dsl.components.OutputArtifact[RetrievalIndex],
    name: tfx.dsl.components.Parameter[str],
    data: tfx.dsl.components.Parameter[str],
) -> None:
    """Embed every image of every split with the model, and build an index of them."""
    records = Records.in_folders({split: artifact_utils.get_split_uri([examples], split) for split in SPLITS})
    images, metadata = gallery(records, Described(**json.loads(data)).name)
    embedder = Embedder.open(Path(path_utils.serving_model_path(model.uri)))
    vectors = embedder.in_batches(list(images.values()))
    Index.build(vectors, list(images), model=name, model_version=ANY_VERSION, metadata=metadata).save(
        index.uri
    )


def gallery(records: Records, data: str) -> tuple[dict[str, bytes], list[dict[str, str]]]:
    """Return the encoded images of all splits by their id, and the metadata of each.

    Raises:
        DataError: if two spans have different images under one id.
    """
    images: dict[str, bytes] = {}
    metadata: dict[str, dict[str, str]] = {}
    for split in records.files:
        for features in records.features(split):
            (identity,), (image,) = strings(features, ID), byte_values(features, IMAGE)
            if images.setdefault(identity, image) != image:
                raise DataError(f"{data}: two images have the id {identity!r}; an index needs one of each")
            metadata[identity] = {"class": ", ".join(strings(features, CLASS)), "data": data, "split": split}
    return images, list(metadata.values())
