"""Which models LiteRT and ONNX manage, how far their answers are from Keras's, and what int8 costs.

`python tools/bench/portable.py models [PATTERN ...]` converts tiny variants of registered models, of all by
default; they have all layers of the full ones. `python tools/bench/portable.py int8 RUN ...` converts trained
classifiers.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from _common import RESULTS, progress, write_results

CONTRACT = Path(__file__).resolve().parents[2] / "tests" / "contract"
LONGEST_REASON = 120


def models(patterns: list[str]) -> list[dict[str, Any]]:
    """Return a line for each model whose name matches one of the patterns, and each form."""
    from kzoo import registry
    from kzoo.export.litert import LiteRT
    from kzoo.export.onnx_files import ONNX

    names = list(dict.fromkeys(name for pattern in patterns for name in registry.names(pattern)))
    rows: list[dict[str, Any]] = []
    with progress("converting") as told:
        for number, name in enumerate(names):
            rows += [
                {"model": name, "form": form.name, **converted(name, form)} for form in (LiteRT(), ONNX())
            ]
            told((number + 1) / len(names))
    return rows


def converted(name: str, form: Any) -> dict[str, Any]:
    """Return what came of converting one model's tiny variant."""
    sys.path.insert(0, str(CONTRACT))
    from tiny_models import CLASSES, tiny

    from kzoo import registry
    from kzoo.errors import ExportError
    from kzoo.export import export_model, read_card

    system, model = registry.find(name), tiny(name)
    classes = CLASSES if "classes" in system.options else ()
    with tempfile.TemporaryDirectory() as folder:
        try:
            path = export_model(model, system, classes=classes, out=Path(folder), form=form, quiet=True)
        except ExportError as error:
            reason = " ".join(str(error).split())[:LONGEST_REASON]
            return {"endpoints": "", "largest_difference": "", "allowed": "", "reason": reason}
        card = read_card(path)
    return {
        "endpoints": " ".join(card.signatures),
        "largest_difference": f"{card.verification.largest_difference:.1e}",
        "allowed": f"{card.verification.tolerance:g}",
        "reason": "",
    }


def int8(folders: list[Path]) -> list[dict[str, Any]]:
    """Return a line for each run of a classifier, whether or not its accuracy held."""
    return [row for folder in folders for row in _int8_of(folder)]


def _int8_of(folder: Path) -> Iterator[dict[str, Any]]:
    from kzoo.errors import ExportError
    from kzoo.export import export_run
    from kzoo.export.calibration import int8_of_run
    from kzoo.export.litert import LITERT_FILE, LiteRT
    from kzoo.training.run_folder import Run

    run = Run.open(folder)
    form = int8_of_run(run)
    with tempfile.TemporaryDirectory() as out:
        exact = export_run(run, Path(out), form=LiteRT(), quiet=True) / LITERT_FILE
        size, rounded_size, held = exact.stat().st_size, 0, "yes"
        try:
            rounded_size = (export_run(run, Path(out), form=form, quiet=True) / LITERT_FILE).stat().st_size
        except ExportError:
            held = "no"
    cost = form.quantization()
    if cost is None:
        raise SystemExit(f"{folder} was not measured")
    yield {
        "model": run.description.model,
        "seed": run.description.recipe.seed,
        "measured_on": cost.measured_on,
        "images": cost.measured_images,
        "error_percent": f"{cost.error_percent_before:.2f}",
        "int8_error_percent": f"{cost.error_percent:.2f}",
        "held": held,
        "bytes": size,
        "int8_bytes": rounded_size,
    }


def main() -> None:
    """Write results/portable-models.csv or results/portable-int8.csv."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("models").add_argument("pattern", nargs="*", default=["*"])
    commands.add_parser("int8").add_argument("run", nargs="+", type=Path)
    parser.add_argument("--results", type=Path, default=RESULTS)
    given = parser.parse_args()
    rows = models(given.pattern) if given.command == "models" else int8(given.run)
    write_results(f"portable-{given.command}", rows, folder=given.results)


if __name__ == "__main__":
    main()
