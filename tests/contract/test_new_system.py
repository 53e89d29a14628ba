"""A system that is begun from the template passes the contract as it is."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import test_every_model
import test_mixed_precision
import test_one_step
from make_docs_tables import with_tables
from new_system import PLACEHOLDER, TEMPLATE, write_system
from tiny_models import CLASSES, pictures, tiny

import kzoo.systems
from kzoo import registry
from kzoo.errors import UsageError

NAME = "pear_net"


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A tree with the new system's files; its room is one of kzoo's while the tests of this file run."""
    root = tmp_path_factory.mktemp("tree")
    write_system(NAME, root)
    registry.names()
    kzoo.systems.__path__.append(str(root / "kzoo" / "systems"))
    importlib.import_module(f"kzoo.systems.{NAME}")
    yield root
    kzoo.systems.__path__.pop()
    registry._systems.pop(NAME)
    for module in [name for name in sys.modules if name.startswith(f"kzoo.systems.{NAME}")]:
        sys.modules.pop(module)


def test_it_passes_the_contract(written: Path, tmp_path: Path) -> None:
    test_every_model.test_metadata_is_what_the_model_is(NAME)
    test_one_step.test_one_step_changes_every_weight(NAME)
    test_every_model.test_save_and_reload_equal(NAME, tmp_path)
    test_mixed_precision.test_mixed_precision_trains(NAME, "mixed_float16")
    test_every_model.test_features_are_finite_and_named(NAME)


def test_its_endpoints_answer(written: Path) -> None:
    system, model = registry.find(NAME), tiny(NAME)
    endpoints = system.signatures(model, CLASSES)
    assert set(endpoints) == {"serving_default", "serving_tensor", "embed"}
    answer = endpoints["serving_tensor"].function(pictures(system).astype("float32"))
    np.testing.assert_allclose(answer["probabilities"].numpy().sum(axis=1), 1, rtol=1e-5)
    assert set(answer["classes"].numpy().ravel()) == {name.encode() for name in CLASSES}


def test_its_own_tests_pass(written: Path) -> None:
    path = written / "tests" / "systems" / f"test_{NAME}_network.py"
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    tests = [value for name, value in vars(module).items() if name.startswith("test_")]
    assert len(tests) == 2
    for test in tests:
        test()


def test_its_page_is_filled_by_the_tools(written: Path) -> None:
    page = with_tables((written / "docs" / "systems" / f"{NAME}.md").read_text("utf-8"))
    assert f"| `{NAME}` | plain CNN of two convolutions | 5,418 |" in page
    assert "| `house_emoji` | house/emoji | sgd, momentum 0.9 |" in page
    assert f"# {NAME}\n" in kzoo.card(NAME)


def test_no_placeholder_is_left(written: Path) -> None:
    files = [path for path in written.rglob("*") if path.is_file() and path.suffix in (".py", ".md")]
    assert len(files) == len(list(TEMPLATE.glob("*.*")))
    assert [path for path in files if PLACEHOLDER in path.read_text("utf-8")] == []


@pytest.mark.parametrize("name", ["Pear", "pear-net", "1pear", "import", ""])
def test_a_name_that_python_refuses_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="lower-case"):
        write_system(name, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_system_that_is_there_is_left_alone(written: Path) -> None:
    with pytest.raises(UsageError, match="pear_net is there already"):
        write_system(NAME, written)
