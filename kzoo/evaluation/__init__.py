"""Trained models beside the thesis's numbers: evaluation of a run, whole tables, pictures."""
