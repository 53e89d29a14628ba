from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from training_helpers import draw_pictures, make_recipe, make_training, train_tiny

from kzoo import registry
from kzoo.errors import RunError
from kzoo.recipe import Recipe
from kzoo.training.run_folder import Origin, Run, RunDescription, held_alone
from kzoo.training.train import describe


@pytest.fixture(scope="module")
def description(pictures: Path) -> RunDescription:
    return describe(make_training(pictures, Path("run")))


@pytest.fixture
def begun(description: RunDescription, tmp_path: Path) -> Run:
    return Run.create_or_open(tmp_path / "run", description)


def test_a_run_folder_says_what_is_needed_to_repeat_it(begun: Run, pictures: Path) -> None:
    again = Run.open(begun.folder)
    assert again.description == begun.description
    assert Recipe.from_yaml((begun.folder / "recipe.yaml").read_text()) == make_recipe(pictures)
    said = json.loads((begun.folder / "run.json").read_text())
    assert said["model"] == "cfn_a"
    assert said["options"]["classes"] == 3
    assert said["data"]["classes"] == ["blue", "green", "red"]
    assert said["data"]["examples"] == {"test": 6, "train": 30, "validation": 12}
    assert len(said["data"]["fingerprint"]) == 64
    assert {"python", "tensorflow", "keras", "numpy"} <= said["environment"].keys()
    assert (again.finished, said["origin"]) == (False, None)


def test_an_unfinished_run_has_no_weights(begun: Run) -> None:
    with pytest.raises(RunError, match="has not ended; resume it"):
        begun.weights_path()


def test_another_run_is_refused_with_what_differs(
    begun: Run, description: RunDescription, pictures: Path, tmp_path: Path
) -> None:
    other_data = draw_pictures(tmp_path / "other", seed=6)
    before = {path: path.read_bytes() for path in begun.folder.iterdir()}
    for assignments, changes, message in (
        ([], {"system": "cnn_sum_a"}, "model: 'cfn_a', 'cnn_sum_a'"),
        ([], {"data": other_data}, "data.fingerprint: '"),
        (["batch_size=6"], {}, "recipe.batch_size: 8, 6"),
        (["seed=4", "epochs=9"], {}, r"2 differences(.|\n)*epochs: 3.0, 9.0\n  recipe.seed: 3, 4"),
        (["optimizer.clip_norm=2"], {}, "recipe.optimizer.clip_norm: None, 2.0"),
        (["options.dropout=0.1"], {}, "options.dropout: None, 0.1"),
        ([], {"precision": "mixed_bfloat16"}, "precision: 'float32', 'mixed_bfloat16'"),
    ):
        asked_for = make_training(changes.pop("data", pictures), begun.folder, *assignments, **changes)
        with pytest.raises(RunError, match=message):
            Run.create_or_open(begun.folder, describe(asked_for))
    tuned = dataclasses.replace(description, origin=Origin("a.keras", "0" * 64))
    with pytest.raises(RunError, match=r"origin.sha256: None, '0+'"):
        Run.create_or_open(begun.folder, tuned)
    assert {path: path.read_bytes() for path in begun.folder.iterdir()} == before


def test_names_and_remarks_do_not_make_another_run(begun: Run, description: RunDescription) -> None:
    recipe = description.recipe.override(["description=a better word for it", "data.name=./pictures"])
    renamed = dataclasses.replace(
        description,
        recipe=recipe,
        recipe_name="recipe.yaml",
        data={**description.data, "name": "./pictures", "source": "moved"},
        environment={"python": "3.13.0"},
    )
    assert description.differences(renamed) == []
    assert Run.create_or_open(begun.folder, renamed).description == description


def test_the_model_that_fine_tuning_begins_from_may_be_moved(description: RunDescription) -> None:
    one, other = (
        dataclasses.replace(description, origin=Origin(path, "a" * 64)) for path in ("x.keras", "y.keras")
    )
    assert one.differences(other) == []


def test_a_folder_of_other_things_is_left_alone(description: RunDescription, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(RunError, match="not empty and holds no run; nothing was written"):
        Run.create_or_open(tmp_path, description)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_run_killed_as_it_began_is_begun_again(description: RunDescription, tmp_path: Path) -> None:
    (tmp_path / ".run.json.abc.part").write_text('{"form')
    assert Run.create_or_open(tmp_path, description).description == description
    (tmp_path / "recipe.yaml").unlink()
    Run.create_or_open(tmp_path, description)
    assert (tmp_path / "recipe.yaml").read_text() == description.recipe.to_yaml()


def test_a_place_that_cannot_be_written_is_named(description: RunDescription, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file", tmp_path / "file" / "run", Path("/proc/run")):
        with pytest.raises(RunError, match=r"run\.json cannot be written"):
            Run.create_or_open(place, description)


def set_key(key: str, value: Any) -> Any:
    def change(content: dict[str, Any]) -> str:
        return json.dumps({**content, key: value})

    return change


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (lambda content: "", "cannot be read: JSONDecodeError"),
        (lambda content: json.dumps(content)[:-40], "cannot be read: JSONDecodeError"),
        (lambda content: "[]", "cannot be read: TypeError"),
        (lambda content: "{}", "cannot be read: KeyError: 'format'"),
        (set_key("format", 2), "has format 2; this kzoo reads 1"),
        (set_key("recipe", {"steps": 3}), "cannot be read: ValidationError"),
        (set_key("origin", "a.keras"), "cannot be read: TypeError"),
        (lambda content: json.dumps({"format": 1}), "cannot be read: KeyError: 'model'"),
    ],
)
def test_a_broken_run_json_is_named(begun: Run, broken: Any, message: str) -> None:
    path = begun.folder / "run.json"
    path.write_text(broken(json.loads(path.read_text())))
    with pytest.raises(RunError, match=rf"run\.json {message}"):
        Run.open(begun.folder)
    with pytest.raises(RunError, match=r"run\.json"):
        Run.create_or_open(begun.folder, begun.description)


def test_what_is_no_run_folder(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no run folder at"):
        Run.open(tmp_path / "absent")
    with pytest.raises(RunError, match=r"is no run folder: it has no run\.json"):
        Run.open(tmp_path)


def test_every_registered_recipe_can_be_described(pictures: Path) -> None:
    training = make_training(pictures, Path("run"))
    systems = [registry.find(name) for name in registry.names()]
    for system in [one for one in systems if one.task == "classification"]:
        for recipe in system.recipes.values():
            said = describe(dataclasses.replace(training, system=system, recipe=recipe))
            assert RunDescription.from_json(said.to_json()).differences(said) == []


def test_two_trainings_of_one_folder_are_refused(pictures: Path, tmp_path: Path) -> None:
    with (
        held_alone(tmp_path / "run"),
        pytest.raises(RunError, match=r"another process is training into .*run; wait for it or stop it"),
    ):
        train_tiny(pictures, tmp_path / "run")
