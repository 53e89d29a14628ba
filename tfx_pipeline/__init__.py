"""Scheduled retraining: a TFX pipeline for registered classifiers, which blesses before it pushes."""
