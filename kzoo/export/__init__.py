"""From a model to a versioned SavedModel: endpoints, `.keras` file, card, warm-up requests, verification.

OUT/NAME/VERSION/
    saved_model.pb, variables/, assets/, fingerprint.pb     the SavedModel, as TensorFlow Serving reads it
    assets.extra/tf_serving_warmup_requests                 what a server answers before it is ready
    model.keras                                             the same weights, to fine-tune: `kzoo.load`
    card.json, card.md                                      what it is, with sizes and hashes of all files
"""

from kzoo.export.card import Card, read_card
from kzoo.export.check import check_card
from kzoo.export.export import export_model, export_run

__all__ = ["Card", "check_card", "export_model", "export_run", "read_card"]
