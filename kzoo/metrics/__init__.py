"""The thesis's measures, as functions of labels and scores."""
