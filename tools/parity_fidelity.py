"""Compare kzoo's inception score with torch-fidelity's on the same logits.

torch-fidelity needs PyTorch, so both are installed beside the zoo, in a throw-away environment that this tool
makes and removes: some gigabytes. `python tools/parity_fidelity.py [--python OTHER_PYTHON]`
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from other_python import make_environment

PACKAGES = ("torch", "torchvision", "torch-fidelity")
TOLERANCE = 1e-5
CASES = {"1,000 pictures, 1,008 classes": (1000, 1008), "203 pictures, 8 classes": (203, 8)}
SPLITS, SEED = 10, 2020


def logits_of(case: str) -> np.ndarray:
    """Return float32 (N, K) of one case."""
    return np.random.default_rng(len(case)).normal(0, 3, CASES[case]).astype("float32")


def ours() -> dict[str, tuple[float, float]]:
    """Return mean and deviation of each case by kzoo."""
    from kzoo.metrics.inception import inception_score

    found = {case: inception_score(logits_of(case), splits=SPLITS, seed=SEED) for case in CASES}
    return {case: (score.mean, score.deviation) for case, score in found.items()}


def theirs() -> dict[str, tuple[float, float]]:
    """Return the same by torch-fidelity; runs in the other environment."""
    import torch
    from torch_fidelity.metric_isc import isc_features_to_metric

    found = {}
    for case in CASES:
        scores = isc_features_to_metric(
            torch.from_numpy(logits_of(case)), splits=SPLITS, shuffle=True, rng_seed=SEED
        )
        found[case] = (scores["inception_score_mean"], scores["inception_score_std"])
    return found


def main() -> int:
    """Print both sides of each case; return 1 if they differ by more than the tolerance."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--python", type=Path, help="a Python that has torch-fidelity already")
    parser.add_argument("--theirs", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.theirs:
        print(json.dumps(theirs()))
        return 0
    with tempfile.TemporaryDirectory() as scratch:
        python = arguments.python or make_environment(Path(scratch) / "environment", PACKAGES)
        answer = subprocess.run(
            [str(python), __file__, "--theirs"], check=True, stdout=subprocess.PIPE, text=True
        )
    other = json.loads(answer.stdout.splitlines()[-1])
    largest = 0.0
    for case, mine in ours().items():
        differences = [abs(one - two) / two for one, two in zip(mine, other[case], strict=True)]
        largest = max(largest, *differences)
        print(
            f"{case}: {mine[0]:.6f} +- {mine[1]:.6f}, torch-fidelity {other[case][0]:.6f} +- "
            f"{other[case][1]:.6f}, largest relative difference {max(differences):.1e}"
        )
    return int(largest > TOLERANCE)


if __name__ == "__main__":
    sys.exit(main())
