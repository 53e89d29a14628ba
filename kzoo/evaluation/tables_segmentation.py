"""The table of chapter 2 on segmentation."""

from __future__ import annotations

from kzoo.evaluation.table import Measure, TableDefinition, TableRow

SEGMENTATION_TABLES = (
    TableDefinition(
        table="2.7",
        title="Segmentation: scores of three depths summed, and fused by locally-connected weights",
        rows=tuple(TableRow(name=name, system=name) for name in ("fcn8s", "fcfn_seg")),
        measures=(
            Measure("mean_iou_percent", "mean IoU %", higher_is_better=True),
            Measure("pixel_accuracy_percent", "pixel accuracy %", higher_is_better=True),
            Measure("class_accuracy_percent", "class accuracy %", higher_is_better=True),
        ),
        baselines={"fcfn_seg": "fcn8s"},
        orderings=(("fcfn_seg", "fcn8s"),),
    ),
)
