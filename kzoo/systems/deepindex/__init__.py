"""System 3, DeepIndex: deep features of image patches in an inverted index (thesis chapter 4)."""
