"""Tables of chapters 5 to 7: matching of images and texts."""

from __future__ import annotations

from collections.abc import Sequence

from kzoo.evaluation.table import Measure, TableDefinition, TableRow

SUM = Measure("r_sum", "sum", higher_is_better=True)
IMAGE_TO_TEXT = tuple(
    Measure(f"i2t_r@{depth}", f"I2T R@{depth}", higher_is_better=True) for depth in (1, 5, 10)
)
TEXT_TO_IMAGE = tuple(
    Measure(f"t2i_r@{depth}", f"T2I R@{depth}", higher_is_better=True) for depth in (1, 5, 10)
)
RECALLS = (SUM, *IMAGE_TO_TEXT, *TEXT_TO_IMAGE)
ACCURACY = Measure("accuracy", "accuracy %", higher_is_better=True)

BI_DIRECTIONAL = ("loss_options.intra=0.0",)
AS_PRINTED = (*BI_DIRECTIONAL, "loss_options.backward=0.0")


def _row(name: str, system: str, *overrides: str, printed: str = "", metric_prefix: str = "") -> TableRow:
    return TableRow(
        name=name, system=system, overrides=overrides, printed=printed, metric_prefix=metric_prefix
    )


def _against(rows: Sequence[TableRow], baseline: str) -> dict[str, str]:
    return {row.name: baseline for row in rows if row.name != baseline}


def _steps(number: int) -> tuple[str, ...]:
    """Return the overrides of RRF-Net with T = `number`; the system's own is 3."""
    return () if number == 3 else (f"options.steps={number}",)


_STEPS = tuple(
    _row(f"T={number}", "rrfnet", *_steps(number), printed=f"RRF-Net, T={number}") for number in (1, 2, 3, 4)
)
_FUSIONS = (
    _row("no fusion", "rrfnet", "options.fusion=none", printed="RRF-Net w/o fusion module"),
    _row("sum", "rrfnet", "options.fusion=sum", printed="RRF-Net with sum fusion"),
    _row("conv", "rrfnet", printed="RRF-Net with conv fusion"),
)
_LOSSES = tuple(
    row
    for name, system, printed in (("baseline", "rrfnet_baseline", "Baseline"), ("RRF", "rrfnet", "RRF-Net"))
    for row in (
        _row(f"{name}, bi-directional", system, *BI_DIRECTIONAL, printed=f"{printed}, bi-directional"),
        _row(f"{name}, as printed (b2 = 0)", system, *AS_PRINTED, printed=f"{printed}, bi-directional"),
        _row(f"{name}, bi-rank", system, printed=f"{printed}, bi-rank"),
    )
)
_ENSEMBLES = tuple(
    TableRow(
        name=f"M={{{numbers}}}",
        system="rrfnet",
        members=tuple(_steps(int(number)) for number in numbers.split(", ")),
        printed=f"RRF-Net, M={{{numbers}}}",
    )
    for numbers in ("3", "1, 3", "1, 2, 3", "1, 2, 3, 4")
)
_CYCLES = tuple(
    _row(system, system)
    for system in (
        "latentmatch",
        "dualmatch",
        "cyclematch_no_latent",
        "cyclematch_i2t2i",
        "cyclematch_t2i2t",
        "cyclematch",
    )
)
_STRATEGIES = (
    _row("one score", "cyclematch", printed="One-score, without fusion", metric_prefix="one_score_"),
    _row("two scores, average", "cyclematch", printed="Two-score, average fusion"),
    _row(
        "two scores, adaptive",
        "cyclematch",
        printed="Two-score, adaptive fusion",
        metric_prefix="two_score_adaptive_",
    ),
    _row(
        "three scores, average",
        "cyclematch",
        printed="Three-score, average fusion",
        metric_prefix="three_score_average_",
    ),
    _row(
        "three scores, adaptive",
        "cyclematch",
        printed="Three-score, adaptive fusion",
        metric_prefix="three_score_adaptive_",
    ),
)
_BOTH = (_row("mmnet", "mmnet"), _row("mmcnet", "mmcnet"))
_BRANCH_FUSIONS = tuple(
    _row(
        f"{system}, {fusion}",
        system,
        *([] if fusion == "convolution" else [f"options.fusion={fusion}"]),
        printed=f"{name}, {printed}",
    )
    for system, name in (("mmnet", "MM-Net"), ("mmcnet", "MMC-Net"))
    for fusion, printed in (
        ("none", "No"),
        ("sum", "Sum"),
        ("multiplication", "Multiplication"),
        ("convolution", "Convolution"),
    )
)
_BATCH_SIZES = tuple(
    _row(f"batch {size}", "mmcnet", f"batch_size={size}", printed=f"batch size={size}")
    for size in (100, 250, 500, 1000, 1500, 2000)
)
_POOLINGS = tuple(
    _row(
        pooling,
        "mmcnet",
        *([] if pooling == "cbp" else [f"options.pooling={pooling}"]),
        printed=f"MMC-Net with {pooling.upper()}",
    )
    for pooling in ("fc", "bp", "cbp")
)
_MODALITIES = (
    _row("vision alone", "mcnet", "options.vision_only=true", printed="Only Vision"),
    _row("vision and language", "mmcnet", printed="Vision and Language"),
)
_IMAGE_ENCODERS = tuple(
    _row(printed, "mmcnet", f"data.image_encoder={name}", printed=f"MMC-Net, {printed}")
    for name, printed in (("vgg19", "VGG-19"), ("resnet152", "ResNet-152"))
)

MATCHING_TABLES = (
    TableDefinition(
        table="5.1",
        group="chapter-5",
        title="Recurrent steps T of RRF-Net",
        rows=(_row("baseline", "rrfnet_baseline", printed="Baseline"), *_STEPS),
        measures=RECALLS,
        baselines=_against(_STEPS, "baseline"),
        orderings=tuple((row.name, "baseline") for row in _STEPS),
    ),
    TableDefinition(
        table="5.2",
        group="chapter-5",
        title="Fusion of the recurrent steps' outputs",
        rows=_FUSIONS,
        measures=RECALLS,
        baselines=_against(_FUSIONS, "no fusion"),
        orderings=(("sum", "no fusion"), ("conv", "sum"), ("conv", "no fusion")),
    ),
    TableDefinition(
        table="5.3",
        group="chapter-5",
        title="Bi-rank loss against the bi-directional loss, as printed (b2 = 0) and with both directions",
        rows=_LOSSES,
        measures=RECALLS,
        baselines={"baseline, bi-rank": "baseline, bi-directional", "RRF, bi-rank": "RRF, bi-directional"},
        orderings=(
            ("baseline, bi-rank", "baseline, bi-directional"),
            ("RRF, bi-rank", "RRF, bi-directional"),
            ("RRF, bi-rank", "RRF, as printed (b2 = 0)"),
        ),
    ),
    TableDefinition(
        table="5.5",
        group="chapter-5",
        title="Ensembles of RRF-Nets of several T, by their mean similarity (eq. 5.11)",
        rows=_ENSEMBLES,
        measures=RECALLS,
        baselines=_against(_ENSEMBLES, "M={3}"),
        orderings=tuple((row.name, "M={3}") for row in _ENSEMBLES[1:]),
    ),
    TableDefinition(
        table="6.2",
        group="chapter-6",
        title="CycleMatch and its relatives, two scores averaged",
        rows=_CYCLES,
        measures=RECALLS,
        baselines=_against(_CYCLES, "dualmatch"),
        orderings=(
            ("dualmatch", "latentmatch"),
            ("cyclematch_no_latent", "dualmatch"),
            ("cyclematch", "dualmatch"),
            ("cyclematch", "cyclematch_no_latent"),
            ("cyclematch", "cyclematch_i2t2i"),
            ("cyclematch", "cyclematch_t2i2t"),
        ),
    ),
    TableDefinition(
        table="6.3",
        group="chapter-6",
        title="Late fusion at inference of one CycleMatch",
        rows=_STRATEGIES,
        measures=RECALLS,
        baselines=_against(_STRATEGIES, "one score"),
        orderings=(
            ("two scores, average", "one score"),
            ("two scores, adaptive", "two scores, average"),
            ("three scores, adaptive", "three scores, average"),
        ),
    ),
    TableDefinition(
        table="7.2",
        group="chapter-7",
        title="Image-to-text retrieval: matching alone against joint matching and classification",
        rows=_BOTH,
        measures=IMAGE_TO_TEXT,
        baselines={"mmcnet": "mmnet"},
        orderings=(("mmcnet", "mmnet"),),
    ),
    TableDefinition(
        table="7.3",
        group="chapter-7",
        title="Text-to-image retrieval: matching alone against joint matching and classification",
        rows=_BOTH,
        measures=TEXT_TO_IMAGE,
        baselines={"mmcnet": "mmnet"},
        orderings=(("mmcnet", "mmnet"),),
    ),
    TableDefinition(
        table="7.4",
        group="chapter-7",
        title="Classification: alone against joint matching and classification",
        rows=(_row("mcnet", "mcnet"), _row("mmcnet", "mmcnet")),
        measures=(ACCURACY,),
        baselines={"mmcnet": "mcnet"},
        orderings=(("mmcnet", "mcnet"),),
    ),
    TableDefinition(
        table="7.5",
        group="chapter-7",
        title="Batch size of MMC-Net, epochs being equal",
        rows=_BATCH_SIZES,
        measures=RECALLS,
        baselines=_against(_BATCH_SIZES, "batch 100"),
        orderings=tuple((row.name, "batch 100") for row in _BATCH_SIZES[1:]),
    ),
    TableDefinition(
        table="7.6",
        group="chapter-7",
        title="Fusion of the outputs of FC2 to FC4",
        rows=_BRANCH_FUSIONS,
        measures=RECALLS,
        baselines={
            row.name: f"{row.system}, none" for row in _BRANCH_FUSIONS if not row.name.endswith("none")
        },
        orderings=tuple((f"{system}, convolution", f"{system}, none") for system in ("mmnet", "mmcnet")),
    ),
    TableDefinition(
        table="7.7",
        group="chapter-7",
        title="Pooling of the two embeddings for classification",
        rows=_POOLINGS,
        measures=(*RECALLS, ACCURACY),
        baselines=_against(_POOLINGS, "fc"),
        orderings=(("bp", "fc"), ("cbp", "fc")),
    ),
    TableDefinition(
        table="7.8",
        group="chapter-7",
        title="Classification by images alone against images with their texts",
        rows=_MODALITIES,
        measures=(ACCURACY,),
        baselines=_against(_MODALITIES, "vision alone"),
        orderings=(("vision and language", "vision alone"),),
    ),
    TableDefinition(
        table="7.9",
        group="chapter-7",
        title="Encoder of the images",
        rows=_IMAGE_ENCODERS,
        measures=RECALLS,
        baselines=_against(_IMAGE_ENCODERS, "VGG-19"),
        orderings=(("ResNet-152", "VGG-19"),),
    ),
)
