"""Time and memory of layers, losses and the start beside a straight writing of the same.

`python tools/bench/peers.py all`, or one of `startup`, `ranking`, `bilinear`. Contenders take
turns in one process, so that a busy machine slows both; of `startup`, processes take turns.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

from _common import write_results

RANKING_BATCH, RANKING_DIMENSION, RANKING_NEGATIVES = 1500, 512, 50
BILINEAR_BATCH, BILINEAR_INPUT, BILINEAR_DIMENSION = 64, 512, 2048

Row = dict[str, Any]
Step = Callable[[], Any]


def in_turn(steps: Sequence[Step], rounds: int, warm: int = 3) -> list[list[float]]:
    """Return the seconds of every round of each step; the order turns round from one round to the next."""
    for step in steps:
        for _ in range(warm):
            step()
    seconds: list[list[float]] = [[] for _ in steps]
    for number in range(rounds):
        order = range(len(steps)) if number % 2 == 0 else reversed(range(len(steps)))
        for index in order:
            start = time.perf_counter()
            steps[index]()
            seconds[index].append(time.perf_counter() - start)
    return seconds


def compared(what: str, against: str, ours: Sequence[float], theirs: Sequence[float]) -> Row:
    """Return a line: medians, and the median and quartiles of the rounds' ratios."""
    ratios = [one / other for one, other in zip(ours, theirs, strict=True)]
    low, middle, high = statistics.quantiles(ratios, n=4)
    return {
        "what": what,
        "against": against,
        "ms": 1000 * statistics.median(ours),
        "peer_ms": 1000 * statistics.median(theirs),
        "ratio": middle,
        "ratio_low": low,
        "ratio_high": high,
        "rounds": len(ratios),
        "load": os.getloadavg()[0],
    }


def startup(rounds: int) -> list[Row]:
    """Seconds of a process that imports kzoo, or prints the help, beside one that imports Keras."""

    def run(*arguments: str) -> Step:
        return lambda: subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)

    ours = {"import kzoo": ("-c", "import kzoo"), "kzoo --help": ("-m", "kzoo.cli", "--help")}
    steps = [*(run(*arguments) for arguments in ours.values()), run("-c", "import keras")]
    *measured, keras_seconds = in_turn(steps, rounds, warm=1)
    return [
        compared(name, "import keras", seconds, keras_seconds)
        for name, seconds in zip(ours, measured, strict=True)
    ]


def ranking(rounds: int) -> list[Row]:
    """The bi-directional ranking loss beside a triple loop over anchors, negatives and directions."""
    import numpy as np
    import tensorflow as tf

    from kzoo.losses.ranking import Ranking, ranking_loss

    options = Ranking(count=RANKING_NEGATIVES)
    generator = np.random.default_rng(0)
    first, second = generator.standard_normal((2, RANKING_BATCH, RANKING_DIMENSION)).astype("float32")
    second = (second + 0.2 * first).astype("float32")
    label = np.arange(RANKING_BATCH)
    compiled = tf.function(lambda a, b: ranking_loss(a, b, label, options))

    def ours() -> float:
        return float(compiled(first, second))

    value, expected = ours(), looped_ranking_loss(first, second, options)
    if not np.isclose(value, expected, rtol=1e-4):
        raise SystemExit(f"the losses differ: {value}, and {expected} by the loop")
    mine, peers = in_turn([ours, lambda: looped_ranking_loss(first, second, options)], min(rounds, 5), warm=1)
    row = compared(f"ranking loss, batch {RANKING_BATCH}", "triple loop", mine, peers)
    return [{**row, "largest_tensor_mib": largest_tensor_mib(compiled, first, second)}]


def looped_ranking_loss(first: Any, second: Any, options: Any) -> float:
    """Return the same loss by loops: directions, anchors, negatives; each cosine is a product of its own."""
    import numpy as np

    units = [one / np.linalg.norm(one, axis=1, keepdims=True) for one in (first, second)]
    total = 0.0
    directions = ((options.forward, *units), (options.backward, *reversed(units)))
    for weight, anchors, others in directions:
        for row, anchor in enumerate(anchors):
            positive = float(anchor @ others[row])
            terms = []
            for column, other in enumerate(others):
                if column != row and (term := options.margin - positive + float(anchor @ other)) > 0:
                    terms.append(term)
            total += weight * sum(sorted(terms, reverse=True)[: options.count])
    return total / (len(first) * options.count)


def bilinear(rounds: int) -> list[Row]:
    """Compact bilinear pooling beside the outer product of 512 x 512, each with its classifier."""
    import keras
    import tensorflow as tf

    from kzoo.layers.compact_bilinear import BilinearPooling, CompactBilinearPooling

    first, second = (
        tf.random.stateless_normal((BILINEAR_BATCH, BILINEAR_INPUT), (seed, 2)) for seed in (1, 2)
    )

    def compile_with_classifier(pooling: Any) -> Any:
        classifier = keras.layers.Dense(100)
        classifier(pooling([first, second]))
        return tf.function(lambda a, b: classifier(pooling([a, b])))

    compact = compile_with_classifier(CompactBilinearPooling(BILINEAR_DIMENSION))
    full = compile_with_classifier(BilinearPooling())
    mine, peers = in_turn(
        [lambda: compact(first, second).numpy(), lambda: full(first, second).numpy()], rounds
    )
    row = compared(f"compact bilinear, D {BILINEAR_DIMENSION}, batch {BILINEAR_BATCH}", "full", mine, peers)
    outputs = 4 * BILINEAR_BATCH / 2**20
    return [
        {
            **row,
            "feature_mib": BILINEAR_DIMENSION * outputs,
            "peer_feature_mib": BILINEAR_INPUT**2 * outputs,
            "feature_share": BILINEAR_DIMENSION / BILINEAR_INPUT**2,
        }
    ]


def largest_tensor_mib(function: Any, *arguments: Any) -> float:
    """Return the largest tensor that a compiled function makes, in MiB, known shapes only."""
    graph = function.get_concrete_function(*arguments).graph
    sizes = [
        output.shape.num_elements() * output.dtype.size
        for operation in graph.get_operations()
        for output in operation.outputs
        if output.shape.num_elements()
    ]
    return max(sizes) / 2**20


BENCHES: dict[str, Callable[[int], list[Row]]] = {
    "startup": startup,
    "ranking": ranking,
    "bilinear": bilinear,
}


def main() -> None:
    """Run what was asked for and write results/peers-NAME.csv."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=[*BENCHES, "all"])
    parser.add_argument("--rounds", type=int, default=15, help="How often each contender is timed.")
    given = parser.parse_args()
    for name in BENCHES if given.name == "all" else (given.name,):
        write_results(f"peers-{name}", BENCHES[name](given.rounds))


if __name__ == "__main__":
    main()
