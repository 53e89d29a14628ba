"""`python -m kzoo.metrics.boundaries`: the boundary benchmark over files.

--curve FILE prints ODS and average precision of a published curve. --maps FOLDER --annotations FOLDER
measures edge maps: ODS, OIS and AP; matching runs in a process a core, under a progress bar.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

from kzoo.errors import KzooError, UsageError
from kzoo.files import write_atomic
from kzoo.metrics.boundaries.folders import evaluate_folders
from kzoo.metrics.boundaries.picture import draw_curves
from kzoo.metrics.boundaries.summary import Curve, read_curve


def main() -> int:
    """Print the figures; an error is one message on standard error and its exit code."""
    arguments = _parser().parse_args()
    try:
        curve = _measured(arguments) if arguments.curve is None else _read(arguments)
        if arguments.picture is not None:
            draw_curves({arguments.name: curve}, arguments.picture)
    except KzooError as error:
        sys.stderr.write(f"kzoo: {error}\n")
        return error.exit_code
    return 0


def _parser() -> argparse.ArgumentParser:
    layout = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        prog="python -m kzoo.metrics.boundaries", description=__doc__, formatter_class=layout
    )
    parser.add_argument("--curve", type=Path, help="a line a threshold: threshold, recall, precision, 0 to 1")
    parser.add_argument("--maps", type=Path, help="folder of edge maps, NAME.png or NAME.npy")
    parser.add_argument("--annotations", type=Path, help="folder of NAME.mat, as of BSDS500, or NAME.png")
    parser.add_argument(
        "--max-distance",
        type=float,
        default=0.0075,
        help="share of the diagonal; .011 on NYUD",
    )
    parser.add_argument("--thresholds", type=int, default=99, help="how many, evenly inside 0 to 1")
    parser.add_argument("--suppress", action="store_true", help="non-maximum suppression first")
    parser.add_argument("--processes", type=int, default=len(os.sched_getaffinity(0)), help="all cores")
    parser.add_argument("--json", type=Path, help="write all figures and counts to this file")
    parser.add_argument("--picture", type=Path, help="write the curve of precision over recall to this PNG")
    parser.add_argument("--name", default="edges", help="of the curve in the picture")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    return parser


def _read(arguments: argparse.Namespace) -> Curve:
    if arguments.maps or arguments.annotations or arguments.json:
        raise UsageError("--curve stands without --maps, --annotations and --json")
    curve = read_curve(arguments.curve)
    best = curve.best()
    sys.stdout.write(
        f"ODS {best.f:.4f} at threshold {best.threshold:.4f} "
        f"(recall {best.recall:.4f}, precision {best.precision:.4f})\n"
        f"AP  {curve.average_precision():.4f}\n"
    )
    return curve


def _measured(arguments: argparse.Namespace) -> Curve:
    if arguments.maps is None or arguments.annotations is None:
        raise UsageError("expected --curve FILE, or --maps FOLDER with --annotations FOLDER")
    result = evaluate_folders(
        arguments.maps,
        arguments.annotations,
        arguments.max_distance,
        thresholds=arguments.thresholds,
        suppress=arguments.suppress,
        processes=arguments.processes,
        quiet=arguments.quiet,
    )
    if arguments.json is not None:
        write_atomic(arguments.json, json.dumps(result.as_json(), indent=2) + "\n")
    best = result.ods
    sys.stdout.write(
        f"ODS {best.f:.4f} at threshold {best.threshold:.4f} "
        f"(recall {best.recall:.4f}, precision {best.precision:.4f})\n"
        f"OIS {result.ois[2]:.4f}\nAP  {result.average_precision:.4f}\nimages {len(result.images)}\n"
    )
    return result.curve


if __name__ == "__main__":
    sys.exit(main())
