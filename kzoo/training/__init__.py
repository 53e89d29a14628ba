"""From a recipe to a fitted model: strategy, optimiser, loop, checkpoints, run folder."""
