"""From a model to a versioned SavedModel: endpoints, `.keras` file, card, warm-up requests, verification.

OUT/NAME/VERSION/
    saved_model.pb, variables/, assets/, fingerprint.pb     the SavedModel, as TensorFlow Serving reads it
    assets.extra/tf_serving_warmup_requests                 what a server answers before it is ready
    model.keras                                             the same weights, to fine-tune: `kzoo.load`
    card.json, card.md                                      what it is, with sizes and hashes of all files
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kzoo.export.card import Card, read_card
    from kzoo.export.check import check_card
    from kzoo.export.export import export_model, export_run

_MODULE_OF = {  # loaded when asked for: reading cards needs no TensorFlow
    "Card": "card",
    "check_card": "check",
    "export_model": "export",
    "export_run": "export",
    "read_card": "card",
}

__all__ = ["Card", "check_card", "export_model", "export_run", "read_card"]


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
