"""Tables on edges: two fusions of side outputs (2.8), supervisions of one detector (chapter 3)."""

from __future__ import annotations

from kzoo.evaluation.table import Measure, TableDefinition, TableRow

BOUNDARIES = tuple(
    Measure(name, name.upper(), higher_is_better=True, decimals=3) for name in ("ods", "ois", "ap")
)


RECIPES = {"house/emoji_layers": "hed", "bsds500": "published_hed", "nyud_v2": "published_hed"}


def _row(name: str, printed: str, **loss_options: object) -> TableRow:
    told = tuple(f"loss_options.{option}={value}" for option, value in loss_options.items())
    return TableRow(name=name, system="hed", overrides=told, printed=printed)


EDGE_TABLES = (
    TableDefinition(
        table="2.8",
        group="chapter-3",
        title="Edges: side outputs fused by one weight each, and by weights of each pixel's own",
        rows=(
            TableRow(name="hed", system="hed", printed="HED"),
            TableRow(name="fcfn_edge", system="fcfn_edge", printed="FCFN"),
        ),
        measures=BOUNDARIES,
        baselines={"fcfn_edge": "hed"},
        orderings=(("fcfn_edge", "hed"),),
        recipes=RECIPES,
    ),
    TableDefinition(
        table="3.1",
        group="chapter-3",
        title="Supervision of an edge detector's side outputs",
        rows=(
            _row("fuse only", "Baseline 1", sides=[]),
            _row("deep supervision", "Baseline 2"),
            _row("relaxed by Canny", "RDS(Canny)", relax="canny"),
        ),
        measures=BOUNDARIES,
        baselines={"deep supervision": "fuse only", "relaxed by Canny": "deep supervision"},
        orderings=(("deep supervision", "fuse only"), ("relaxed by Canny", "deep supervision")),
        recipes=RECIPES,
    ),
    TableDefinition(
        table="3.2",
        group="chapter-3",
        title="Early against late supervision",
        rows=(
            _row("early", "early", relax="canny", sides=[1, 2, 3]),
            _row("late", "late", relax="canny", sides=[4, 5]),
        ),
        measures=BOUNDARIES,
        baselines={"late": "early"},
        orderings=(("late", "early"),),
        recipes=RECIPES,
    ),
)
