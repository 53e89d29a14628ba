"""Write the tables of docs/ anew from the code that they describe, or check that they are what it says.

A page names a table by `<!-- table: NAME -->`; all from there to `<!-- end of table -->` is written by this
tool. `python tools/make_docs_tables.py [--check]`
"""

from __future__ import annotations

import argparse
import csv
import difflib
import inspect
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import Any

import typer
from pydantic import BaseModel
from typer.core import TyperOption

from kzoo import errors, registry
from kzoo.cards import markdown_table
from kzoo.cli import VERBS, app
from kzoo.data.house import HOUSE_PARTS
from kzoo.data.sources import NAMED_SOURCES
from kzoo.evaluation.reproduce_all import HOUSE_DATA
from kzoo.evaluation.tables import TABLES as REPRODUCIBLE
from kzoo.files import write_atomic
from kzoo.recipe import Recipe
from kzoo.serving import errors as call_errors
from kzoo.system import System

DOCS = Path(__file__).resolve().parents[1] / "docs"
RESULTS = DOCS.with_name("results")
MACHINE_COLUMNS = ("processor", "cores", "tensorflow", "keras", "numpy", "python", "commit")
MARKED = re.compile(r"^(<!-- table: (\S+) -->\n).*?^(<!-- end of table -->)$", re.DOTALL | re.MULTILINE)


def models(room: str) -> str:
    """Return the models of a system's room beside the numbers that the thesis prints of them.

    A column in which a model has several numbers, one for each way it was built or trained, is left out.
    """
    systems = _systems_of(room)
    counts = Counter(
        (system.name, (one.table, one.column, one.metric)) for system in systems for one in system.published
    )
    several = {column for (_, column), count in counts.items() if count > 1}
    columns = sorted({column for _, column in counts} - several)
    header = ["model", "what", "parameters"]
    header += [f"{column}, {metric} (table {table})" for table, column, metric in columns]
    rows = []
    for system in systems:
        numbers = {(one.table, one.column, one.metric): one.value for one in system.published}
        cells = [str(numbers.get(column, "")) for column in columns]
        rows.append([f"`{system.name}`", system.summary, f"{system.parameters:,}", *cells])
    return markdown_table(header, rows)


def recipes(room: str) -> str:
    """Return the recipes of a room; models that are trained alike share a line."""
    systems = _systems_of(room)
    models_of: dict[tuple[str, ...], list[str]] = {}
    for name in dict.fromkeys(name for system in systems for name in system.recipes):
        for system in (one for one in systems if name in one.recipes):
            models_of.setdefault((f"`{name}`", *_recipe_cells(system.recipes[name])), []).append(system.name)
    header = ("recipe", "data", "optimiser", "rate", "decay", "batch", "length", "augmentation", "models")
    return markdown_table(
        header,
        [
            (*cells, "all" if len(names) == len(systems) else ", ".join(f"`{name}`" for name in names))
            for cells, names in models_of.items()
        ],
    )


def recipe_keys() -> str:
    """Return the keys of a recipe with their defaults."""
    return markdown_table(("key", "default", "what"), list(_keys(Recipe)))


def options(verb: str) -> str:
    """Return the arguments and options of a verb, or of VERB.PART, as `--help` has them."""
    return markdown_table(
        ("option", "default", "what"), [_option_cells(parameter) for parameter in _command(verb).params]
    )


def verbs() -> str:
    """Return the verbs with the first line of their help."""
    return markdown_table(
        ("verb", "what"), [(f"`kzoo {verb}`", _command(verb).help.split("\n")[0]) for verb in VERBS]
    )


def exit_codes() -> str:
    """Return the exit codes of the command, in order, with the errors that they stand for."""
    kinds = [
        kind
        for _, kind in inspect.getmembers(errors, inspect.isclass)
        if issubclass(kind, errors.KzooError) and "exit_code" in vars(kind)
    ]
    rows = [
        (kind.exit_code, f"`{kind.__name__}`", _first_line(kind))
        for kind in sorted(kinds, key=lambda kind: kind.exit_code)
    ]
    return markdown_table(("exit code", "error", "meaning"), rows)


def statuses() -> str:
    """Return the gRPC statuses of a call with the errors that the client raises for them."""
    kinds = [kind for kind in vars(call_errors).values() if inspect.isclass(kind)]
    rows = [
        (f"`{kind.default_status}`", f"`{kind.__name__}`", _first_line(kind))
        for kind in kinds
        if issubclass(kind, call_errors.CallError) and kind is not call_errors.CallError
    ]
    return markdown_table(("status", "raised by the client", "meaning"), rows)


def data_sets() -> str:
    """Return the data sets that have a name."""
    return markdown_table(
        ("name", "what"),
        [
            (f"`{name}`", HOUSE_PARTS[name].description if name in HOUSE_PARTS else "TensorFlow Datasets")
            for name in NAMED_SOURCES
        ],
    )


def reproducible() -> str:
    """Return the tables of the thesis that `kzoo reproduce` trains for, and the house set that stands in."""
    header = ("table", "what it compares", "rows", "on the house set")
    rows = [
        (
            f"`table-{number}`",
            one.title,
            str(len(one.rows)),
            f"`{HOUSE_DATA[number]}`" if number in HOUSE_DATA else "",
        )
        for number, one in sorted(REPRODUCIBLE.items(), key=lambda item: [*map(int, item[0].split("."))])
    ]
    return markdown_table(header, rows)


def results(name: str) -> str:
    """Return results/NAME.csv without the columns that say where it was measured."""
    with (RESULTS / f"{name}.csv").open(newline="", encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    columns = [column for column in lines[0] if column not in MACHINE_COLUMNS]
    header = [column.replace("_", " ") for column in columns]
    return markdown_table(header, [[_cell(line[column]) for column in columns] for line in lines])


TABLES: Mapping[str, Callable[..., str]] = {
    "models": models,
    "recipes": recipes,
    "recipe-keys": recipe_keys,
    "options": options,
    "verbs": verbs,
    "exit-codes": exit_codes,
    "statuses": statuses,
    "data-sets": data_sets,
    "reproducible": reproducible,
    "results": results,
}


def with_tables(text: str) -> str:
    """Return a page with every table in it written anew.

    Raises:
        KeyError: for a table that there is not.
    """

    def written(found: re.Match[str]) -> str:
        name, _, argument = found[2].partition(":")
        return f"{found[1]}\n{TABLES[name](*filter(None, [argument]))}\n\n{found[3]}"

    return MARKED.sub(written, text)


def _command(verb: str) -> Any:
    command: Any = typer.main.get_command(app)
    for word in verb.split("."):
        command = command.commands[word]
    return command


def _option_cells(parameter: Any) -> tuple[str, str, str]:
    is_option = isinstance(parameter, TyperOption)
    name = ", ".join(f"`{flag}`" for flag in parameter.opts) if is_option else parameter.name.upper()
    default, what = parameter.default, parameter.help
    if isinstance(default, Enum):
        what = f"{what} One of {', '.join(f'`{one.value}`' for one in type(default))}."
        default = default.value
    if parameter.required:
        return name, "required", what
    return name, "" if default in (None, False) else f"`{default}`", what


def _systems_of(room: str) -> list[System]:
    return [system for system in map(registry.find, registry.names()) if system.room == room]


def _cell(value: str) -> str:
    return f"{int(value):,}" if value.isdecimal() else value


def _recipe_cells(recipe: Recipe) -> tuple[str, ...]:
    optimizer, schedule = recipe.optimizer, recipe.schedule
    unit = "steps" if recipe.steps is not None else "epochs"
    rate = f"{optimizer.learning_rate:g}, {schedule.kind}"
    if schedule.boundaries:
        falls = ", ".join(f"{boundary:,.0f}" for boundary in schedule.boundaries)
        rate += f": times {schedule.factor:g} at {falls}"
    if schedule.warmup:
        rate += f" after {schedule.warmup:g} {unit} of warm-up"
    return (
        recipe.data.name,
        f"{optimizer.name}, momentum {optimizer.momentum:g}",
        rate,
        f"{optimizer.weight_decay:g}",
        str(recipe.batch_size),
        ", ".join(_length(stage, f"{name}: " if name else "") for name, stage in recipe.in_stages()),
        recipe.pipeline.augmentation,
    )


def _length(recipe: Recipe, before: str) -> str:
    return (
        f"{before}{recipe.steps:,} steps" if recipe.steps is not None else f"{before}{recipe.epochs:g} epochs"
    )


def _keys(section: type[BaseModel], prefix: str = "") -> Iterable[Sequence[str]]:
    for name, field in section.model_fields.items():
        inner = field.annotation
        if inspect.isclass(inner) and issubclass(inner, BaseModel):
            yield from _keys(inner, f"{prefix}{name}.")
            continue
        default = (
            "required" if field.is_required() else f"`{_yaml(field.get_default(call_default_factory=True))}`"
        )
        yield f"`{prefix}{name}`", default, _what(field)


def _what(field: Any) -> str:
    choices = getattr(field.annotation, "__args__", ()) if "Literal" in str(field.annotation) else ()
    return "; ".join(filter(None, [field.description, " or ".join(f"`{choice}`" for choice in choices)]))


def _yaml(value: Any) -> str:
    if value is None:
        return "null"
    return "[]" if value == () else '""' if value == "" else str(value)


def _first_line(kind: type) -> str:
    return str(kind.__doc__).split("\n", 1)[0]


def main() -> int:
    """Write the tables of every page; with --check, print what would change and return 1 if anything."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing")
    check = parser.parse_args().check
    stale = False
    for page in sorted(DOCS.rglob("*.md")):
        old = page.read_text(encoding="utf-8")
        new = with_tables(old)
        if old == new:
            continue
        stale = True
        if check:
            sys.stdout.writelines(difflib.unified_diff(old.splitlines(True), new.splitlines(True), str(page)))
        else:
            write_atomic(page, new)
            print(f"wrote {page}")
    return int(check and stale)


if __name__ == "__main__":
    sys.exit(main())
