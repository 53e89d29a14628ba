"""Every registered system goes through the pipeline: it has a kind of data and a metric that decides."""

from __future__ import annotations

import json
from pathlib import Path

import every_system
import processes
import pytest
from every_system import kinds_of

from kzoo import registry
from tfx_pipeline.blessing import deciding_metric
from tfx_pipeline.kinds import KINDS


@pytest.mark.parametrize("name", registry.names())
def test_a_system_has_kinds_and_recipes_that_say_what_decides(name: str) -> None:
    system = registry.find(name)
    assert kinds_of(system)
    for recipe in system.recipes.values():
        assert deciding_metric(system, recipe.blessing)


def test_the_pipeline_of_every_system_is_built_and_compiles(tmp_path: Path) -> None:
    processes.run(every_system.__file__, tmp_path, timeout=1800, check=True)
    components = json.loads((tmp_path / "components.json").read_text())
    assert {key.split()[0] for key in components} == set(registry.names())
    for key, names in components.items():
        decides = "Evaluator" if registry.find(key.split()[0]).task == "classification" else "KzooEvaluator"
        assert {decides, "Trainer", "EmbeddedInfraValidator", "VersionPusher"} <= set(names), key
    for names in {tuple(sorted(names)) for names in components.values()}:
        specification = json.loads((tmp_path / f"{'+'.join(names)}.json").read_text())
        assert set(names) - {"baseline"} <= set(specification["pipelineSpec"]["root"]["dag"]["tasks"])
    assert {key.split()[1] for key in components} == set(KINDS)
