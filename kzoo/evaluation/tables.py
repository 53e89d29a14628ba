"""The thesis's tables that kzoo trains again."""

from __future__ import annotations

from kzoo.errors import UnknownNameError
from kzoo.evaluation.table import Measure, TableDefinition, TableRow
from kzoo.evaluation.tables_edges import EDGE_TABLES
from kzoo.evaluation.tables_matching import MATCHING_TABLES
from kzoo.evaluation.tables_segmentation import SEGMENTATION_TABLES
from kzoo.evaluation.tables_translation import TRANSLATION_TABLES

__all__ = ["TABLES", "Measure", "TableDefinition", "TableRow", "find_table"]

ERROR = Measure("error_percent", "error %", higher_is_better=False)


def _systems(*names: str) -> tuple[TableRow, ...]:
    return tuple(TableRow(name=name, system=name) for name in names)


def _fusions(bases: str) -> tuple[tuple[str, str], ...]:
    steps = (
        ("cnn_sum_", "cnn_"),
        ("cnn_conv_", "cnn_sum_"),
        ("cfn_", "cnn_conv_"),
        ("cfn_", "cnn_"),
    )
    return tuple((better + base, worse + base) for base in bases for better, worse in steps)


TABLES = {
    table.table: table
    for table in (
        TableDefinition(
            table="2.2",
            title="Fusion of side branches: error rates of plain CNNs and fusion networks",
            rows=_systems(
                *(f"{row}_{base}" for base in "ab" for row in ("cnn", "cnn_sum", "cnn_conv", "cfn"))
            ),
            measures=(ERROR,),
            baselines={
                f"{row}_{base}": f"cnn_{base}" for base in "ab" for row in ("cnn_sum", "cnn_conv", "cfn")
            },
            orderings=_fusions("ab"),
        ),
        TableDefinition(
            table="2.3",
            title="With data augmentation: error rates of CNN-B and CFN-B",
            rows=_systems("cnn_b", "cfn_b"),
            measures=(ERROR,),
            baselines={"cfn_b": "cnn_b"},
            orderings=(("cfn_b", "cnn_b"),),
            recipes={"cifar10": "cifar10_augmented"},
        ),
        TableDefinition(
            table="2.4",
            title="ImageNet scale: top-1 and top-5 error rates",
            rows=_systems("cnn_11", "dsn_11", "resnet_11", "cfn_11", "cnn_19", "cfn_19"),
            measures=(ERROR, Measure("top_5_error_percent", "top-5 error %", higher_is_better=False)),
            baselines={
                **dict.fromkeys(("dsn_11", "resnet_11", "cfn_11"), "cnn_11"),
                "cfn_19": "cnn_19",
            },
            orderings=(("cfn_11", "cnn_11"), ("cfn_11", "dsn_11"), ("cfn_19", "cnn_19")),
        ),
        *SEGMENTATION_TABLES,
        *EDGE_TABLES,
        *TRANSLATION_TABLES,
        *MATCHING_TABLES,
    )
}


def find_table(name: str) -> TableDefinition:
    """Return the table called "2.2" or "table-2.2".

    Raises:
        UnknownNameError: if there is none.
    """
    number = name.removeprefix("table-")
    if number not in TABLES:
        raise UnknownNameError("table", name, [f"table-{table}" for table in TABLES])
    return TABLES[number]
