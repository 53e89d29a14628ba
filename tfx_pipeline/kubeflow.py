"""The pipeline as a specification that Kubeflow Pipelines v2 and Vertex AI run."""

from __future__ import annotations

from pathlib import Path

from tfx import v1 as tfx

from tfx_pipeline.pipeline import make_pipeline
from tfx_pipeline.settings import Settings


def write_specification(settings: Settings, path: Path, image: str) -> None:
    """Compile the pipeline over the newest spans; its baseline is the latest blessed model when it runs.

    Args:
        settings: folders are those that the containers see.
        path: the file that is written, over what is there.
        image: container image with kzoo in it.

    Raises:
        DataError: if there is no span or one is broken.
    """
    config = tfx.orchestration.experimental.KubeflowV2DagRunnerConfig(default_image=image)
    path.parent.mkdir(parents=True, exist_ok=True)
    runner = tfx.orchestration.experimental.KubeflowV2DagRunner(config=config, output_filename=str(path))
    runner.run(make_pipeline(settings, metadata=False), write_out=True)
