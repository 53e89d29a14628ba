"""How a batch becomes the losses of an edge detector (thesis eq. 2.11 to 2.13, 3.3 to 3.5)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kzoo.errors import UnknownNameError, UsageError
from kzoo.losses import balanced_edge_cross_entropy, edge_cross_entropy

SIDES = (1, 2, 3, 4, 5)
LABELLING = ("relax", "se_model", "soft_maps", "agreement", "dilation")
OPTIONS = ("sides", "relaxed_sides", "balanced", "summed", "alpha", "beta", *LABELLING)


def losses(
    outputs: Mapping[str, Any], batch: Mapping[str, Any], options: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the loss of the fused output and of each side output that is supervised.

    Args:
        outputs: of the network: fused and side_1 to side_5, logits (B, H, W, 1).
        batch: edges uint8 (B, H, W) and sides uint8 (B, 5, H, W): 1 edge, 0 none, 2 ignored.
        options: sides, the numbers of the side outputs that are supervised (all); relaxed_sides, those that
            learn from `sides` and not from `edges` (all that are supervised, where `relax` is given);
            balanced, as HED weighs edges, in place of alpha (9) and beta (1); summed, over the pixels.
            Those of LABELLING say how labels are made, for the batches: `kzoo.data.edge_labels.Labelling`.

    Raises:
        UnknownNameError: for an unknown option.
        UsageError: for a side that there is not.
    """
    for name in options:
        if name not in OPTIONS:
            raise UnknownNameError("option of the edge loss", name, OPTIONS)
    sides = tuple(options.get("sides", SIDES))
    if not set(sides) <= set(SIDES):
        raise UsageError(f"loss_options.sides are numbers of {SIDES}; received {sides}")
    relaxed = options.get("relaxed_sides", sides if options.get("relax") else ())
    summed = bool(options.get("summed", False))

    def loss(labels: Any, logits: Any) -> Any:
        if options.get("balanced", False):
            return balanced_edge_cross_entropy(labels, logits, summed=summed)
        weights = {name: options[name] for name in ("alpha", "beta") if name in options}
        return edge_cross_entropy(labels, logits, summed=summed, **weights)

    terms = {
        f"side_{number}": loss(
            batch["sides"][:, number - 1] if number in relaxed else batch["edges"], outputs[f"side_{number}"]
        )
        for number in sides
    }
    return {"fused": loss(batch["edges"], outputs["fused"]), **terms}
