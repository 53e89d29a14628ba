"""Votes of a query's patches for images: by the words they share, or by the patches they are nearest to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from kzoo.errors import UsageError
from kzoo.retrieval import Index, Plan, VectorIndex
from kzoo.systems.deepindex.codebook import Codebook, Words
from kzoo.systems.deepindex.inverted import InverseFrequency, InvertedIndex
from kzoo.systems.deepindex.vectors import Floats

Patches = Mapping[str, Floats]
"""Feature name to float32 (N, P, D), of images and patches."""

Votes = npt.NDArray[np.float64]
MOST_NEIGHBOURS = 100


class Vocabulary(Protocol):
    """The words of a feature, however they are searched: `Codebook` by plain arithmetic, or `WordIndex`."""

    def __len__(self) -> int:
        """Return the number of words."""

    def nearest(self, vectors: Floats, count: int = 1) -> Words:
        """Return the `count` nearest words of float32 (..., D), int64 (..., count), nearest first."""


@dataclass(frozen=True)
class WordIndex:
    """The words of a codebook in an index, whose ids are their numbers."""

    index: VectorIndex

    @classmethod
    def build(
        cls, codebook: Codebook, *, model: str, model_version: str, plan: Plan | None = None
    ) -> WordIndex:
        """Put the words into a ScaNN index; `plan` as `Index.build`: exact for up to 20,000 words."""
        ids = [str(word) for word in range(len(codebook))]
        return cls(
            Index.build(
                codebook.centres, ids, metric="l2", plan=plan, model=model, model_version=model_version
            )
        )

    def __len__(self) -> int:
        return len(self.index)

    def nearest(self, vectors: Floats, count: int = 1) -> Words:
        """Return the `count` nearest words of float32 (..., D), int64 (..., count), nearest first.

        Raises:
            UsageError: if there are fewer words, or the vectors have another dimension.
        """
        found = self.index.search(vectors.reshape(-1, vectors.shape[-1]), count).ids
        return found.astype(np.int64).reshape(*vectors.shape[:-1], count)


class Voting(Protocol):
    """Sums of what patches vote."""

    def votes(self, patches: Patches, assignments: int) -> Votes:
        """Return float64 (Q, N): the votes of queries for images."""


@dataclass(frozen=True)
class WordVoting:
    """Votes by leaf: for every image in the entries of the words nearest to a patch, as the thesis has it.

    Attributes:
        vocabularies: of each feature.
        index: over the same features, in the same order.
    """

    vocabularies: Mapping[str, Vocabulary]
    index: InvertedIndex

    @classmethod
    def build(
        cls, patches: Patches, vocabularies: Mapping[str, Vocabulary], idf: InverseFrequency = "ratio"
    ) -> WordVoting:
        """Index the images of `patches` by the features of `vocabularies`, in their order.

        Raises:
            UsageError: if a feature is missing, or there is no image.
        """
        words = words_of(patches, vocabularies, 1)[..., 0]
        sizes = tuple(len(vocabulary) for vocabulary in vocabularies.values())
        return cls(vocabularies, InvertedIndex.build(words, sizes, idf))

    def votes(self, patches: Patches, assignments: int) -> Votes:
        """Return the sum of idf^2 over shared words, a patch of a query standing for `assignments` words."""
        return self.index.votes(words_of(patches, self.vocabularies, assignments))


@dataclass(frozen=True)
class NeighbourVoting:
    """Votes by neighbour: for the images of the patches nearest to a patch, each idf^2 of its own words.

    With several features a patch must be among the nearest of each.

    Attributes:
        indexes: of each feature, over the patches of all images; ids are their numbers.
        weights: float64 (N * P,), of each patch.
        patches_each: patches of an image.
        neighbours: patches looked at for each patch of a query.
    """

    indexes: Mapping[str, VectorIndex]
    weights: Votes
    patches_each: int
    neighbours: int = MOST_NEIGHBOURS

    @classmethod
    def build(
        cls,
        patches: Patches,
        vocabularies: Mapping[str, Vocabulary],
        *,
        model_version: str,
        plan: Plan | None = None,
        neighbours: int = MOST_NEIGHBOURS,
        idf: InverseFrequency = "ratio",
    ) -> NeighbourVoting:
        """Put the patches into ScaNN indexes, one a feature; words serve for idf alone.

        Args:
            patches: of the images.
            vocabularies: of each feature.
            model_version: of the features, for the indexes' manifests.
            plan: as `Index.build`.
            neighbours: patches looked at for each patch of a query.
            idf: as `InvertedIndex.build`.

        Raises:
            UsageError: if a feature is missing, there is no image, or the plan does not fit.
        """
        words = words_of(patches, vocabularies, 1)[..., 0]
        sizes = tuple(len(vocabulary) for vocabulary in vocabularies.values())
        weights = InvertedIndex.build(words, sizes, idf).weights_of(words).ravel()
        ids = [str(number) for number in range(weights.size)]
        indexes: dict[str, VectorIndex] = {
            name: Index.build(
                patches[name].reshape(weights.size, -1),
                ids,
                metric="l2",
                plan=plan,
                model=name,
                model_version=model_version,
            )
            for name in vocabularies
        }
        return cls(indexes, weights, words.shape[1], min(neighbours, weights.size))

    def votes(self, patches: Patches, assignments: int) -> Votes:
        """Return the sum of idf^2 of neighbouring patches.

        Args:
            patches: of the queries.
            assignments: leaves of a tree to look into, where the plan has a tree.
        """
        images, total = len(self.weights) // self.patches_each, len(self.weights)
        count = len(next(iter(patches.values())))
        matches: npt.NDArray[np.int64] | None = None
        for name, index in self.indexes.items():
            asked = _feature(patches, name)
            plan = getattr(index, "plan", None)
            leaves = {"leaves_to_search": assignments} if plan is not None and plan.leaves else {}
            found = index.search(asked.reshape(-1, asked.shape[-1]), self.neighbours, **leaves).ids
            places = found.astype(np.int64) + total * np.arange(len(found))[:, None]
            matches = (
                places.ravel()
                if matches is None
                else np.intersect1d(matches, places.ravel(), assume_unique=True)
            )
        if matches is None:
            raise UsageError("votes need one feature or more; received none")
        asking, voted = np.divmod(matches, total)
        cells = asking // self.patches_each * images + voted // self.patches_each
        sums = np.zeros(count * images)
        np.add.at(sums, cells, self.weights[voted])
        return sums.reshape(count, images)


def words_of(patches: Patches, vocabularies: Mapping[str, Vocabulary], assignments: int) -> Words:
    """Return int64 (N, P, F, A): the nearest words of each patch in each feature.

    Raises:
        UsageError: if a feature is missing, or the features differ in images or patches.
    """
    if not vocabularies:
        raise UsageError("words need one feature or more; received none")
    arrays = [_feature(patches, name) for name in vocabularies]
    if len({array.shape[:2] for array in arrays}) > 1:
        shapes = {name: patches[name].shape for name in vocabularies}
        raise UsageError(f"expected the same images and patches of every feature; received {shapes}")
    found = [
        vocabulary.nearest(array, assignments)
        for vocabulary, array in zip(vocabularies.values(), arrays, strict=True)
    ]
    return np.stack(found, axis=2)


def _feature(patches: Patches, name: str) -> Floats:
    if name not in patches:
        raise UsageError(f"expected the feature {name}; received {_listed(list(patches))}")
    array = patches[name]
    if array.ndim != 3 or not array.size:
        raise UsageError(f"{name}: expected features (N, P, D), N at least 1; received {array.shape}")
    return array


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) or "none"
