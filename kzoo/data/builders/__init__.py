"""TFDS builders for the data sets that TFDS itself does not have; importing one imports TFDS."""
