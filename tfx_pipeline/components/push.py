"""The Pusher: a blessed model becomes the next version in the folder that servers poll, whole or not."""

import json
import shutil
from pathlib import Path

from tfx import v1 as tfx
from tfx.dsl.component.experimental.decorators import component
from tfx.utils import path_utils

from kzoo.export.card import CARD_FILE, PAGE_FILE, read_card
from kzoo.export.export import versions
from kzoo.export.page import render_page
from kzoo.files import folder_written_aside

LINEAGE_FILE = "lineage.json"


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
) -> None:
    """Push a model that both blessings bless; keep the newest versions, `keep` of them."""
    Path(pushed.uri).mkdir(parents=True, exist_ok=True)
    blessed = all(one.get_int_custom_property("blessed") for one in (blessing, infra_blessing))
    pushed.set_int_custom_property("pushed", int(blessed))
    if not blessed:
        return
    source = Path(path_utils.serving_model_path(model.uri))
    version = push(source, Path(destination) / name, json.loads(lineage))
    retire(Path(destination) / name, keep)
    pushed.set_int_custom_property("version", version)
    pushed.set_string_custom_property("pushed_destination", str(Path(destination) / name / str(version)))
    (Path(pushed.uri) / "version").write_text(f"{version}\n")


def push(source: Path, folder: Path, lineage: dict[str, object]) -> int:
    """Copy an export into FOLDER/NEXT VERSION, which appears when it is whole; return the version.

    Args:
        source: the export's folder.
        folder: of all versions of the model.
        lineage: written beside as lineage.json.
    """
    version = max(versions(folder), default=0) + 1
    with folder_written_aside(folder / str(version)) as aside:
        shutil.copytree(source, aside, dirs_exist_ok=True)
        card = read_card(aside).model_copy(update={"version": version})
        (aside / CARD_FILE).write_text(card.model_dump_json(indent=2) + "\n", encoding="utf-8")
        (aside / PAGE_FILE).write_text(render_page(card), encoding="utf-8")
        (aside / LINEAGE_FILE).write_text(json.dumps(lineage, indent=2) + "\n", encoding="utf-8")
    return version


def retire(folder: Path, keep: int) -> list[int]:
    """Remove all but the newest `keep` versions, each renamed first so that no server sees half of it."""
    old = versions(folder)[:-keep] if keep else []
    for version in old:
        aside = folder / f".{version}.retired"
        (folder / str(version)).rename(aside)
        shutil.rmtree(aside)
    return old
