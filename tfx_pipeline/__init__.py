"""Scheduled retraining: a TFX pipeline for registered systems, which blesses before it pushes."""
