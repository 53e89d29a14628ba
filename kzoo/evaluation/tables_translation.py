"""Tables 8.1 to 8.3 of the thesis: translators and swappers, by judges and against true pictures."""

from __future__ import annotations

from kzoo.evaluation.table import Judging, Measure, TableDefinition, TableRow

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

FCN = (
    Measure("pixel_accuracy_b", "Per-pixel acc.", higher_is_better=True, decimals=3),
    Measure("class_accuracy_b", "Per-class acc.", higher_is_better=True, decimals=3),
    Measure("class_iou_b", "Class IOU", higher_is_better=True, decimals=3),
)
INCEPTION = (
    Measure("inception_score_reference", "IS-reference", higher_is_better=True, decimals=2),
    Measure("inception_score_condition", "IS-condition", higher_is_better=True, decimals=2),
    Measure("ssim_condition", "SSIM, condition", higher_is_better=True, decimals=3),
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
        judging=Judging(
            judge="fcn8s",
            trained_on={
                "house/labels_color": "house/emoji_layers",
                "cmp_facade": "cmp_facade",
                "cityscapes": "cityscapes",
            },
            measures=FCN,
            rows=(TableRow(name="oracle", system="cyclegan", metric_prefix="oracle_", printed="Oracle"),),
        ),
        baselines={"cyclegan": "gan", "long cyclegan": "cyclegan", "nest cyclegan": "long cyclegan"},
        orderings=(
            ("cyclegan", "gan"),
            ("long cyclegan", "cyclegan"),
            ("nest cyclegan", "long cyclegan"),
        ),
        recipes={"house/outline_color": "house", "house/labels_color": "house_labels"},
    ),
    TableDefinition(
        table="8.2",
        group="chapter-8",
        title="Clothes swapped, by inception score; the thesis's other methods are not rebuilt",
        rows=(TableRow(name="swapgan", system="swapgan", printed="SwapGAN"),),
        measures=INCEPTION[:1],
        judging=Judging(judge="efficientnet_lite0"),
        recipes={"house/people": "house"},
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
        judging=Judging(judge="efficientnet_lite0", measures=INCEPTION),
        baselines={"I and III": "full", "I and II": "full"},
        orderings=(("full", "I and III"), ("full", "I and II")),
        recipes={"house/people": "house"},
    ),
)
