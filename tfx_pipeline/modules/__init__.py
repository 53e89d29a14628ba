"""What runs inside the components of the pipeline."""
