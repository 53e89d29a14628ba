"""Infrastructure validation by the embedded server: a process of its own that loads the model and answers."""

import json
from pathlib import Path

from tfx import v1 as tfx
from tfx.dsl.component.experimental.decorators import component
from tfx.types import artifact_utils
from tfx.utils import path_utils

from kzoo.errors import ServingError
from kzoo.export.requests import write_requests
from kzoo.serving.versions import WARM_UP_FILE
from tfx_pipeline.components.index import RetrievalIndex
from tfx_pipeline.containers import served_in_container
from tfx_pipeline.examples import IMAGE
from tfx_pipeline.kinds import Described, kind_named
from tfx_pipeline.records import Records
from tfx_pipeline.trial import ask, requests, served

REQUESTS = 8


@component
def EmbeddedInfraValidator(  # noqa: N802  a component is named like a class
    model: tfx.dsl.components.InputArtifact[tfx.types.standard_artifacts.Model],
    examples: tfx.dsl.components.InputArtifact[tfx.types.standard_artifacts.Examples],
    blessing: tfx.dsl.components.OutputArtifact[tfx.types.standard_artifacts.InfraBlessing],
    name: tfx.dsl.components.Parameter[str],
    data: tfx.dsl.components.Parameter[str],
    container: tfx.dsl.components.Parameter[str],
    index: tfx.dsl.components.InputArtifact[RetrievalIndex] = None,
) -> None:
    """Serve the model to itself with real requests of the split "eval", and bless it if all are answered.

    They are the version's warm-up requests, with images and texts of that split. Beside the blessing lie
    those that were answered, which the pushed version is warmed up with. Where `container` names an image of
    TensorFlow Serving, that must answer them too.
    """
    records = Records.in_folders({"eval": artifact_utils.get_split_uri([examples], "eval")})
    inputs = kind_named(Described(**json.loads(data)).kind).inputs(records, "eval", REQUESTS)
    path = Path(path_utils.serving_model_path(model.uri))
    asked = requests(path, inputs)
    reason = ""
    try:
        with served(path, name, None if index is None else Path(index.uri)) as address:
            ask(address, name, asked, None if index is None else inputs[IMAGE][0])
        if container:
            with served_in_container(path, name, container) as address:
                ask(address, name, asked)
    except ServingError as error:
        reason = str(error)
    blessed = not reason
    Path(blessing.uri).mkdir(parents=True, exist_ok=True)
    if blessed:
        write_requests(Path(blessing.uri) / WARM_UP_FILE, name, asked)
    (Path(blessing.uri) / ("INFRA_BLESSED" if blessed else "INFRA_NOT_BLESSED")).write_text(reason)
    blessing.set_int_custom_property("blessed", int(blessed))
    blessing.set_string_custom_property("reason", reason)
