"""Pretrained networks that make features: functional Keras models, with weights read from packages."""
