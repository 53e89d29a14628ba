"""Components of ours: where TFX has none, or one that needs a container."""
