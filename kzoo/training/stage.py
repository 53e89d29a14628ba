"""One part of a training run."""

from __future__ import annotations

from dataclasses import dataclass

from kzoo.recipe import Recipe


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One part of a run; the whole of it for a recipe without stages, whose name is then "".

    Attributes:
        recipe: of this stage.
        total_steps, steps_per_epoch: of this stage.
        epochs_before: of the stages before, by which its epochs are counted on.
        last: no stage comes after it.
    """

    name: str
    recipe: Recipe
    total_steps: int
    steps_per_epoch: int
    epochs_before: int
    last: bool

    @property
    def epochs(self) -> int:
        """The epochs of this stage, the last one perhaps not whole."""
        return -(-self.total_steps // self.steps_per_epoch)
