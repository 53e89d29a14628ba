"""kzoo: a TensorFlow/Keras model zoo with serving."""

__version__ = "0.1.0"
