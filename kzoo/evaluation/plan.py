"""What has to be trained for a table: a run for each row and seed, or several for a row of an ensemble."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kzoo import registry
from kzoo.errors import RunError
from kzoo.evaluation.tables import TableDefinition, TableRow
from kzoo.recipe import Recipe
from kzoo.training.run_folder import Run
from kzoo.training.tasks import Source, find_task


@dataclass(frozen=True, kw_only=True)
class PlannedRun:
    """One row of a table for one seed: what is trained, how, on what, and where it lies."""

    row: str
    system: str
    seed: int
    recipe_name: str
    recipe: Recipe
    source: Source
    folder: Path

    @property
    def name(self) -> str:
        """For messages, as "cfn_a seed 3"."""
        return f"{self.row} seed {self.seed}"

    def steps(self) -> int:
        """Return the training steps of the whole run."""
        return self.recipe.total_steps(self.source.splits[self.recipe.data.train_split].examples)

    def epochs(self) -> int:
        """Return the epochs, and so the rows of history.csv, of the whole run."""
        examples = self.source.splits[self.recipe.data.train_split].examples
        stages = [recipe for _, recipe in self.recipe.in_stages()]
        return sum(-(-one.total_steps(examples) // one.steps_per_epoch(examples)) for one in stages)

    def epochs_done(self) -> int:
        """Return the epochs trained so far, by history.csv."""
        history = self.folder / "history.csv"
        return max(0, history.read_bytes().count(b"\n") - 1) if history.is_file() else 0

    def recipe_sha256(self) -> str:
        """Hash what the runs of one row have in common: the recipe without seed and description."""
        content: dict[str, Any] = self.recipe.model_dump(mode="json", exclude={"seed", "description"})
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    def opened(self) -> Run:
        """Return the finished run.

        Raises:
            RunError: if it has not ended, cannot be read, or is a run of something else.
        """
        run = Run.open(self.folder)
        recorded = run.description
        asked_for = dataclasses.replace(
            recorded,
            model=self.system,
            recipe=self.recipe,
            data={**recorded.data, "name": self.source.name, "fingerprint": self.source.fingerprint},
            precision="float32",
            origin=None,
        )
        differences = recorded.differences(asked_for)
        if differences:
            raise RunError(
                f"{self.folder} holds another run (there, asked for): " + "; ".join(differences[:8])
            )
        return run


@dataclass(frozen=True, kw_only=True)
class PlannedResult:
    """One line of a table for one seed: of the last of its runs, or of all of them as an ensemble."""

    row: str
    seed: int
    runs: tuple[PlannedRun, ...]

    @property
    def name(self) -> str:
        """For messages, as "cfn_a seed 3"."""
        return f"{self.row} seed {self.seed}"


class Planner:
    """Plans the rows of a table on one data set, whose features differ where rows name other encoders.

    Attributes:
        source: the data as the first row has them.
        name: of the data, as the source says it.
    """

    def __init__(
        self,
        table: TableDefinition,
        data: str,
        rows: Sequence[TableRow],
        folder: Path,
        overrides: Sequence[str],
    ) -> None:
        """Open the data.

        Raises:
            UnknownNameError, UsageError, DataError: for overrides or data that are not there.
        """
        self.table, self.folder, self.overrides = table, folder, overrides
        self._opened: dict[Any, Source] = {}
        self._systems = [registry.find(row.system) for row in rows]
        self.name = data
        first = rows[0].members[0] if rows[0].members else rows[0].overrides
        self.source = self._open(self._recipe(rows[0].system)[1].override([*first, *overrides]))
        self.name = self.source.name

    def results(self, rows: Sequence[TableRow], seeds: int) -> list[PlannedResult]:
        """Return each row with each of the seeds 0 to seeds - 1, seed by seed."""
        return [
            PlannedResult(
                row=row.name,
                seed=seed,
                runs=tuple(self._run(row, part, seed) for part in row.members or (row.overrides,)),
            )
            for seed in range(seeds)
            for row in rows
        ]

    def _run(self, row: TableRow, overrides: Sequence[str], seed: int) -> PlannedRun:
        member = dataclasses.replace(row, overrides=tuple(overrides), members=())
        changes = [*member.overrides, *self.overrides, f"seed={seed}"]
        recipe_name, recipe = self._recipe(row.system)
        source = self._open(recipe.override(changes))
        if recipe.data.validation_split not in source.splits:
            recipe = recipe.override(["data.validation_split=null"])
        return PlannedRun(
            row=f"{row.name}, {member.run_name}" if row.members else row.name,
            system=row.system,
            seed=seed,
            recipe_name=recipe_name,
            recipe=recipe.override(changes),
            source=source,
            folder=self.folder / member.run_name / f"seed-{seed}",
        )

    def _recipe(self, system_name: str) -> tuple[str, Recipe]:
        system = registry.find(system_name)
        if self.name in self.table.recipes:
            name = self.table.recipes[self.name]
            return name, system.recipe(name).override([f"data.name={self.name}"])
        return system.recipe_for(self.name)

    def _open(self, recipe: Recipe) -> Source:
        key = recipe.data.image_encoder, recipe.data.text_encoder
        if key not in self._opened:
            task = find_task(self._systems[0].task)
            self._opened[key] = task.open(recipe.data, self._systems)
        return self._opened[key]
