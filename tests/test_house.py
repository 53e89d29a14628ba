"""The house as a whole: floors, light imports, small files, no machine's paths, declared packages."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from google.protobuf import text_format
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from tensorflow_serving.config.model_server_config_pb2 import ModelServerConfig

ROOT = Path(__file__).parents[1]
SOURCES = sorted(
    path for folder in ("kzoo", "tests", "tfx_pipeline", "tools") for path in (ROOT / folder).rglob("*.py")
)
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
EXTRAS = tuple(PROJECT["optional-dependencies"])
MOST_LINES = 350
MACHINE_PATH = re.compile(r"(?<![\w.:/])/(?:work|root|home|tmp|opt|mnt)/")
LOOK_AT_IMPORTS = """
import json, sys
import kzoo
from kzoo.cli import VERBS, app
for arguments in [[], *([verb] for verb in VERBS)]:
    try:
        app([*arguments, "--help"])
    except SystemExit as end:
        assert end.code == 0, (arguments, end.code)
heavy = {"tensorflow", "keras", "jax", "torch", "scipy", "matplotlib"}
print(json.dumps(sorted(heavy & set(sys.modules))))
"""


def test_rooms_import_only_as_the_floors_allow() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    ended = subprocess.run([linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_import_and_help_of_every_verb_load_no_heavy_package() -> None:
    command = [sys.executable, "-c", LOOK_AT_IMPORTS]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert json.loads(ended.stdout.splitlines()[-1]) == []


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_source_file_is_short_and_names_no_machine(path: Path) -> None:
    text = path.read_text("utf-8")
    assert len(text.splitlines()) < MOST_LINES
    strings = (node.value for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Constant))
    assert [value for value in strings if isinstance(value, str) and MACHINE_PATH.search(value)] == []


def test_no_two_test_files_have_one_name() -> None:
    names = Counter(path.name for path in (ROOT / "tests").rglob("test_*.py"))
    assert [name for name, count in names.items() if count > 1] == []


def test_every_package_that_kzoo_imports_is_declared() -> None:
    declared = {canonicalize_name(requirement.name) for requirement in declared_requirements()}
    distributions = packages_distributions()
    undeclared = {
        module
        for module in imported_modules(ROOT / "kzoo")
        if module not in sys.stdlib_module_names | {"kzoo", "tfx_pipeline"}
        and not declared & {canonicalize_name(name) for name in distributions.get(module, [])}
    }
    assert undeclared == set()


@pytest.mark.parametrize(("lock", "others"), [("all-py311", ["graph", "peers"]), ("graph-py311", None)])
def test_lock_holds_every_requirement_in_an_allowed_version(lock: str, others: list[str] | None) -> None:
    """The extra `graph` has an environment of its own; `peers` is in none."""
    locked = locked_versions(ROOT / "requirements" / f"{lock}.txt")
    extras = ["graph"] if others is None else [name for name in EXTRAS if name not in others]
    for requirement in declared_requirements(extras):
        version = locked.get(canonicalize_name(requirement.name))
        assert version is not None, f"{requirement}, not locked"
        assert version in requirement.specifier, f"{requirement}, locked {version}"


def test_deployment_config_is_one_that_tensorflow_serving_reads() -> None:
    text = (ROOT / "serving" / "models.config").read_text("utf-8")
    config = text_format.Parse(text, ModelServerConfig())
    (model,) = config.model_config_list.config
    assert (model.name, model.base_path, model.model_platform) == ("cfn_a", "/models/cfn_a", "tensorflow")
    assert model.model_version_policy.latest.num_versions == 1


def requirements_of(extra: str) -> list[Requirement]:
    return [Requirement(text) for text in PROJECT["optional-dependencies"][extra]]


def declared_requirements(extras: Iterable[str] = EXTRAS) -> list[Requirement]:
    optional = [requirement for extra in extras for requirement in requirements_of(extra)]
    everything = [Requirement(text) for text in PROJECT["dependencies"]] + optional
    return [requirement for requirement in everything if requirement.name != PROJECT["name"]]


def locked_versions(path: Path) -> dict[str, str]:
    lines = re.findall(r"^([\w.-]+)(?:\[.*\])?==([\w.+!-]+)", path.read_text("utf-8"), flags=re.MULTILINE)
    return {canonicalize_name(name): version for name, version in lines}


def imported_modules(package: Path) -> Iterator[str]:
    for path in package.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                yield from (alias.name.partition(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
                yield node.module.partition(".")[0]
