"""Tables 8.1 and 8.3 of the thesis: translators and swappers, against true pictures on the house sets."""

from __future__ import annotations

from kzoo.evaluation.table import Measure, TableDefinition, TableRow

PICTURES = (
    Measure("l1_b", "L1, A to B", higher_is_better=False, decimals=2),
    Measure("psnr_b", "PSNR, A to B", higher_is_better=True, decimals=2),
    Measure("ssim_b", "SSIM, A to B", higher_is_better=True, decimals=3),
    Measure("l1_a", "L1, B to A", higher_is_better=False, decimals=2),
)

SWAPS = (
    Measure("l1_body", "L1, body", higher_is_better=False, decimals=2),
    Measure("l1", "L1", higher_is_better=False, decimals=2),
    Measure("ssim", "SSIM", higher_is_better=True, decimals=3),
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
    TableDefinition(
        table="8.3",
        group="chapter-8",
        title="Clothes swapped, by which generators there are",
        rows=(
            TableRow(name="I and III", system="swapgan_g1_g3", printed="Generator I&III"),
            TableRow(name="I and II", system="swapgan_g1_g2", printed="Generator I&II"),
            TableRow(name="full", system="swapgan", printed="Full Model"),
        ),
        measures=SWAPS,
        own_measures=True,
        baselines={"I and III": "full", "I and II": "full"},
        orderings=(("full", "I and III"), ("full", "I and II")),
        recipes={"house/people": "house"},
    ),
)
