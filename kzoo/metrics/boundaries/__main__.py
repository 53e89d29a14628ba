"""`python -m kzoo.metrics.boundaries --curve FILE`: ODS and average precision of a published curve."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from kzoo.errors import KzooError
from kzoo.metrics.boundaries.summary import read_curve


def main() -> int:
    """Print the two figures; an error is one message on standard error and its exit code."""
    parser = argparse.ArgumentParser(prog="python -m kzoo.metrics.boundaries", description=__doc__)
    parser.add_argument(
        "--curve", type=Path, required=True, help="a line a threshold: threshold, recall, precision, 0 to 1"
    )
    try:
        curve = read_curve(parser.parse_args().curve)
    except KzooError as error:
        sys.stderr.write(f"kzoo: {error}\n")
        return error.exit_code
    best = curve.best()
    sys.stdout.write(
        f"ODS {best.f:.4f} at threshold {best.threshold:.4f} "
        f"(recall {best.recall:.4f}, precision {best.precision:.4f})\n"
        f"AP  {curve.average_precision():.4f}\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
