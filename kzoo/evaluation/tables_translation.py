"""Table 8.1 of the thesis: the four translators, measured against true translations on the house set."""

from __future__ import annotations

from kzoo.evaluation.table import Measure, TableDefinition, TableRow

PICTURES = (
    Measure("l1_b", "L1, A to B", higher_is_better=False, decimals=2),
    Measure("psnr_b", "PSNR, A to B", higher_is_better=True, decimals=2),
    Measure("ssim_b", "SSIM, A to B", higher_is_better=True, decimals=3),
    Measure("l1_a", "L1, B to A", higher_is_better=False, decimals=2),
)

TRANSLATION_TABLES = (
    TableDefinition(
        table="8.1",
        group="chapter-8",
        title="Translation without pairs, by how generators are chained",
        rows=(
            TableRow(name="gan", system="gan", printed="GAN"),
            TableRow(name="cyclegan", system="cyclegan", printed="Vanilla CycleGAN"),
            TableRow(name="long cyclegan", system="long_cyclegan", printed="Long CycleGAN"),
            TableRow(name="nest cyclegan", system="nest_cyclegan", printed="Nest CycleGAN"),
        ),
        measures=PICTURES,
        own_measures=True,
        baselines={"cyclegan": "gan", "long cyclegan": "cyclegan", "nest cyclegan": "long cyclegan"},
        orderings=(
            ("cyclegan", "gan"),
            ("long cyclegan", "cyclegan"),
            ("nest cyclegan", "long cyclegan"),
        ),
        recipes={"house/outline_color": "house", "house/labels_color": "house_labels"},
    ),
)
