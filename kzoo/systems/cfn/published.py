"""The numbers of thesis tables 2.2 to 2.4 for the networks of this room: error rates in percent."""

from __future__ import annotations

from kzoo.system import PublishedResult

_ROWS_2_2 = {
    "cnn_a": ("CNN-A", 15.57, 40.62),
    "cnn_sum_a": ("CNN-Sum-A", 15.33, 40.32),
    "cnn_conv_a": ("CNN-Conv-A", 15.19, 40.15),
    "cfn_a": ("CFN-A", 14.73, 39.54),
    "cnn_b": ("CNN-B", 9.28, 31.89),
    "cnn_sum_b": ("CNN-Sum-B", 8.84, 31.42),
    "cnn_conv_b": ("CNN-Conv-B", 8.68, 31.16),
    "cfn_b": ("CFN-B", 8.27, 30.68),
}
_ROWS_2_3 = {"cnn_b": ("CNN (baseline)", 7.34), "cfn_b": ("CFN (ours)", 6.77)}
_ROWS_2_4 = {
    "cnn_11": ("CNN-11", 43.11, 19.91),
    "dsn_11": ("DSN-11", 42.24, 19.24),
    "resnet_11": ("ResNet-11", 43.02, 19.85),
    "cfn_11": ("CFN-11", 41.96, 19.09),
    "cnn_19": ("CNN-19", 36.99, 14.74),
    "cfn_19": ("CFN-19", 35.47, 13.93),
}


def published(system: str) -> tuple[PublishedResult, ...]:
    """Return what the thesis prints for a registered model, one entry a cell."""
    row, cifar10, cifar100 = _ROWS_2_2[system]
    cells = [
        ("2.2", row, "CIFAR-10", cifar10, "cifar10"),
        ("2.2", row, "CIFAR-100", cifar100, "cifar100"),
    ]
    if system in _ROWS_2_3:
        row, augmented = _ROWS_2_3[system]
        cells.append(("2.3", row, "CIFAR-10*", augmented, "cifar10"))
    return tuple(
        PublishedResult(table, row, column, value, "error_percent", system, data)
        for table, row, column, value, data in cells
    )


def published_on_imagenet(system: str) -> tuple[PublishedResult, ...]:
    """Return what table 2.4 prints for a network of the ImageNet scale: top-1 and top-5 error."""
    row, top_1, top_5 = _ROWS_2_4[system]
    return (
        PublishedResult("2.4", row, "Top-1", top_1, "error_percent", system, "imagenet2012"),
        PublishedResult("2.4", row, "Top-5", top_5, "top_5_error_percent", system, "imagenet2012"),
    )
