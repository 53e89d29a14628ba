"""Real data behind one interface: TFDS builders, folders of images, and the house data set."""
