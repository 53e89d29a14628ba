"""The documentation: commands parse, imports resolve, links lead somewhere, tables and figures are right."""

from __future__ import annotations

import ast
import importlib
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import keras
import pytest
import typer
from draw_network import arrange, draw, figures, read_layers
from make_docs_tables import with_tables
from typer.core import TyperGroup

import kzoo
from kzoo import registry
from kzoo.cli import app, options

ROOT = Path(__file__).parents[1]
DOCS = sorted((ROOT / "docs").rglob("*.md"))
PAGES = [*DOCS, *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md"))]
PAGES += [ROOT / folder / "README.md" for folder in ("serving", "savedmodels", "tfx_pipeline")]
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
INDENTED = re.compile(r"(?:^    .*\n)+", re.MULTILINE)
LINK = re.compile(r"\]\(([^)\s]+)\)")
FIGURES = figures()
SHELL_ENDS = ("&", "|", ">", ";", "&&")

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())


def blocks(page: Path, *languages: str) -> list[str]:
    return [text for language, text in FENCE.findall(page.read_text("utf-8")) if language in languages]


def commands(page: Path) -> Iterator[list[str]]:
    """Give the words of every shell command on a page, up to a pipe or a redirection."""
    without_fences = FENCE.sub("", page.read_text("utf-8"))
    for block in [*blocks(page, "bash", "console"), *INDENTED.findall(without_fences)]:
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.split(line.strip().removeprefix("$ "), comments=True)
            end = next((place for place, word in enumerate(words) if word in SHELL_ENDS), len(words))
            if words[:end]:
                yield words[:end]


def commands_that_begin_with(first: str) -> list[pytest.param]:
    return [
        pytest.param(words, id=f"{page.stem}: {' '.join(words)}")
        for page in PAGES
        for words in commands(page)
        if words[0] == first
    ]


@pytest.mark.parametrize("words", commands_that_begin_with("kzoo"))
def test_command_parses_and_names_what_there_is(words: list[str]) -> None:
    root = typer.main.get_command(app)
    assert isinstance(root, TyperGroup)
    _, verb, *arguments = words
    if "--help" in arguments:
        assert verb in root.commands
        return
    given = root.commands[verb].make_context(verb, arguments).params
    if verb in ("card", "recipe", "train", "query"):
        system = registry.find(given["name"])
        for recipe in filter(None, [given.get("recipe_name")]):
            system.recipe(recipe)
    if verb == "train" and not (given["recipe"] or "").endswith(".yaml"):
        options.recipe_of(system, given["data"], given["recipe"], list(given["set_"]))
    elif given.get("set_"):
        registry.find("cfn_a").recipe("house_emoji").override(given["set_"])


def test_commands_are_found() -> None:
    found = [words for page in PAGES for words in commands(page) if words[0] == "kzoo"]
    root = typer.main.get_command(app)
    assert isinstance(root, TyperGroup)
    assert {words[1] for words in found} == set(root.commands)


@pytest.mark.parametrize("words", [*commands_that_begin_with("bash"), *commands_that_begin_with("python")])
def test_script_or_module_exists(words: list[str]) -> None:
    if words[1] == "-m":
        assert importlib.util.find_spec(words[2]) is not None
    else:
        assert (ROOT / words[1]).is_file()


@every_page
def test_programs_compile_and_their_imports_resolve(page: Path) -> None:
    for program in blocks(page, "python"):
        compile(program, page.name, "exec")
        for node in ast.walk(ast.parse(program)):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    importlib.import_module(alias.name)
            elif isinstance(node, ast.ImportFrom):
                for alias in node.names:
                    import_name(str(node.module), alias.name)


def import_name(module: str, name: str) -> None:
    if not hasattr(importlib.import_module(module), name):
        importlib.import_module(f"{module}.{name}")


@pytest.mark.parametrize("page", ["systems/cfn.md", "add-a-system.md", "index.md", "quickstart.md"])
def test_programs_that_need_no_data_run(page: str) -> None:
    for program in blocks(ROOT / "docs" / page, "python"):
        exec(compile(program, page, "exec"), {})


@every_page
def test_links_lead_to_files(page: Path) -> None:
    links = [link.partition("#")[0] for link in LINK.findall(page.read_text("utf-8")) if "://" not in link]
    assert [link for link in links if link and not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", DOCS, ids=lambda page: page.name)
def test_tables_are_what_the_code_says(page: Path) -> None:
    text = page.read_text("utf-8")
    assert with_tables(text) == text, "python tools/make_docs_tables.py"


def test_a_table_with_nothing_between_its_marks_is_filled_and_the_next_one_left() -> None:
    end = "<!-- end of table -->"
    text = with_tables(f"<!-- table: data-sets -->\n{end}\nwords\n<!-- table: verbs -->\n{end}\n")
    first, second = text.split("\nwords\n")
    assert "| `cifar10` | " in first
    assert "| `kzoo train` | " in second
    assert with_tables(text) == text
    with pytest.raises(KeyError):
        with_tables(f"<!-- table: dishes -->\n{end}\n")


@pytest.mark.parametrize("path", FIGURES, ids=lambda path: path.stem)
def test_figure_is_what_the_tool_draws(path: Path) -> None:
    name, part = FIGURES[path]
    keras.utils.clear_session()  # as the tool does
    model = kzoo.create(name)
    drawn = model if part is None else model.get_layer(part)
    committed = path.read_text("utf-8")
    assert committed == draw(drawn), "python tools/draw_network.py --all"
    texts = [one.text for one in ElementTree.fromstring(committed).iter("{http://www.w3.org/2000/svg}text")]
    assert {layer.name for layer in drawn.layers} <= set(texts)
    assert f"{drawn.name}: {drawn.count_params():,} parameters" in texts


def test_every_system_has_a_page_with_its_figure() -> None:
    text = {page: page.read_text("utf-8") for page in (ROOT / "docs" / "systems").glob("*.md")}
    with_figure = {name for page in text.values() for name, _ in FIGURES.values() if f"({name}.svg)" in page}
    rooms = {registry.find(name).room for name in registry.names()}
    assert rooms <= {page.stem for page in text}
    assert {registry.find(name).room for name in with_figure} == rooms
    assert [path for path in FIGURES if not any(f"({path.name})" in page for page in text.values())] == []


def test_every_verb_has_a_page_with_its_options() -> None:
    text = "".join(page.read_text("utf-8") for page in DOCS)
    root = typer.main.get_command(app)
    assert isinstance(root, TyperGroup)
    for verb, command in root.commands.items():
        parts = [f"{verb}.{part}" for part in command.commands] if isinstance(command, TyperGroup) else [verb]
        assert [part for part in parts if f"<!-- table: options:{part} -->" not in text] == []


def test_a_drawing_has_a_column_for_each_branch_and_a_lane_for_each_skip() -> None:
    image = keras.Input((4,), name="image")
    first = keras.layers.Dense(4, name="first")(image)
    second = keras.layers.Dense(4, name="second")(first)
    joined = keras.layers.Add(name="joined")([first, second])
    other = keras.layers.Dense(3, name="other")(second)
    last = keras.layers.Dense(2, name="last")(joined)
    drawing = arrange(read_layers(keras.Model(image, [last, other])))
    assert drawing.columns == {"image": 0, "first": 0, "second": 0, "joined": 0, "last": 0, "other": 2}
    assert drawing.lanes == {("first", "joined"): 1}
    assert [layer.row for layer in drawing.layers.values()] == [
        {"image": 0, "first": 1, "second": 2, "joined": 3, "other": 3, "last": 4}[name]
        for name in drawing.layers
    ]


def test_a_layer_that_is_called_again_has_a_box_a_call_and_its_weights_once() -> None:
    image = keras.Input((4,), name="image")
    shared = keras.layers.Dense(4, name="shared")
    model = keras.Model(image, shared(shared(shared(image))), name="twice_more")
    layers = read_layers(model)
    assert list(layers) == ["image", "shared", "shared, again", "shared, again 2"]
    assert [layer.parameters for layer in layers.values()] == [0, 20, 0, 0]
    assert layers["shared, again 2"].inputs == ("shared, again",)
    assert "twice_more: 20 parameters" in draw(model)


def test_the_site_builds_without_warnings_and_asks_nothing_of_other_servers(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path / "site")]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    index = json.loads((tmp_path / "site" / "search" / "search_index.json").read_text("utf-8"))
    titles = {entry["title"] for entry in index["docs"]}
    assert {"train", "Where the thesis leaves a choice"} <= titles
    for page in (tmp_path / "site").rglob("*.html"):
        loaded = re.findall(
            r"<(?:script|img|link|iframe)\b[^>]*?(?:src|href)=\"?([^\s\">]+)", page.read_text("utf-8")
        )
        assert [address for address in loaded if "//" in address] == [], page.name
