"""Kinds of problems: what training needs to know of each, by the name that a System gives."""

from __future__ import annotations

from kzoo.data.data_source import Source
from kzoo.errors import UnknownNameError
from kzoo.system import resolve
from kzoo.training.tasks.task import Examples, Task, Validation

__all__ = ["TASKS", "Examples", "Source", "Task", "Validation", "find_task"]

TASKS = {
    "classification": "kzoo.training.tasks.classification:Classification",
    "edges": "kzoo.training.tasks.edges:Edges",
    "matching": "kzoo.training.tasks.matching:Matching",
    "translation": "kzoo.training.tasks.translation:Translation",
    "swap": "kzoo.training.tasks.swap:Swap",
    "segmentation": "kzoo.training.tasks.segmentation:Segmentation",
}


def find_task(name: str) -> Task:
    """Return the task called `name`.

    Raises:
        UnknownNameError: if there is none.
    """
    if name not in TASKS:
        raise UnknownNameError("task", name, TASKS)
    task: Task = resolve(TASKS[name])()
    return task
