"""Nearest neighbours of vectors: one index, built, searched, changed and saved, whatever answers below it.

Importing this package imports NumPy only; ScaNN and Milvus are imported when an index is made or opened.
"""

from kzoo.retrieval.index import Index
from kzoo.retrieval.milvus import MilvusIndex
from kzoo.retrieval.opening import open_index
from kzoo.retrieval.plan import Plan
from kzoo.retrieval.vector_index import Neighbours, VectorIndex

__all__ = ["Index", "MilvusIndex", "Neighbours", "Plan", "VectorIndex", "open_index"]
