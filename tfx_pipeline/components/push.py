"""The Pusher: a blessed model becomes the next version in the folder that servers poll, whole or not."""

import json
from pathlib import Path

from tfx import v1 as tfx
from tfx.dsl.component.experimental.decorators import component
from tfx.utils import path_utils

from kzoo.serving.versions import WARM_UP_FILE
from tfx_pipeline.components.index import RetrievalIndex
from tfx_pipeline.versions import push, retire


@component
def VersionPusher(  # noqa: N802, PLR0917  a component is named like a class, its inputs are many
    model: tfx.dsl.components.InputArtifact[tfx.types.standard_artifacts.Model],
    blessing: tfx.dsl.components.InputArtifact[tfx.types.standard_artifacts.ModelBlessing],
    infra_blessing: tfx.dsl.components.InputArtifact[tfx.types.standard_artifacts.InfraBlessing],
    pushed: tfx.dsl.components.OutputArtifact[tfx.types.standard_artifacts.PushedModel],
    name: tfx.dsl.components.Parameter[str],
    destination: tfx.dsl.components.Parameter[str],
    keep: tfx.dsl.components.Parameter[int],
    lineage: tfx.dsl.components.Parameter[str],
    index: tfx.dsl.components.InputArtifact[RetrievalIndex] = None,
) -> None:
    """Push a model that both blessings bless; keep the newest versions, `keep` of them."""
    Path(pushed.uri).mkdir(parents=True, exist_ok=True)
    blessed = all(one.get_int_custom_property("blessed") for one in (blessing, infra_blessing))
    pushed.set_int_custom_property("pushed", int(blessed))
    if not blessed:
        return
    source = Path(path_utils.serving_model_path(model.uri))
    beside = None if index is None else Path(index.uri)
    warm_up = Path(infra_blessing.uri) / WARM_UP_FILE
    version = push(source, Path(destination) / name, json.loads(lineage), beside, warm_up)
    retire(Path(destination) / name, keep)
    pushed.set_int_custom_property("version", version)
    pushed.set_string_custom_property("pushed_destination", str(Path(destination) / name / str(version)))
    (Path(pushed.uri) / "version").write_text(f"{version}\n")
