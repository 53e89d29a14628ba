"""What a pipeline is built of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kzoo.recipe import Recipe

BEAM_ARGUMENTS = (
    "--runner=apache_beam.runners.portability.fn_api_runner.FnApiRunner",
    "--direct_num_workers=1",
    "--sdk_container_image=none",
)
"""Beam in this process, which pulls no image.

One is named all the same: otherwise each component would pack the source of TFX for workers elsewhere.
"""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What a pipeline is built of.

    Attributes:
        system: registered name.
        recipe_name, recipe: how it is trained; `recipe.blessing` says what it must reach.
        spans: folder of spans.
        last: how many of the newest spans are trained on.
        root: where the pipeline keeps artifacts, metadata, windows and run folders.
        destination: folder of exports that servers poll.
        keep: newest versions that are kept there; 0 keeps all.
        index: push an index of the spans' images with the model, which servers search.
        strategy: a name of `kzoo.training.strategy`.
        container: image of TensorFlow Serving that must answer with a model too, run by Docker; none if "".
        beam_arguments: passed through to Beam.
    """

    system: str
    recipe_name: str
    recipe: Recipe
    spans: Path
    last: int = 3
    root: Path
    destination: Path
    keep: int = 5
    index: bool = False
    strategy: str = "mirrored"
    container: str = ""
    beam_arguments: Sequence[str] = BEAM_ARGUMENTS

    @property
    def name(self) -> str:
        """The pipeline's name in the metadata."""
        return f"kzoo-{self.system.replace('_', '-')}"

    @property
    def artifacts(self) -> Path:
        """The folder of what components make."""
        return self.root / "artifacts"

    @property
    def metadata(self) -> Path:
        """The file of the metadata store."""
        return self.root / "metadata.sqlite"
