"""DeepIndex: images ranked by the votes of patches, scaled by how near the whole images are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

from kzoo.errors import UsageError
from kzoo.systems.deepindex.codebook import Codebook
from kzoo.systems.deepindex.inverted import InverseFrequency
from kzoo.systems.deepindex.signature import Signatures, SignatureType
from kzoo.systems.deepindex.voting import (
    NeighbourVoting,
    Patches,
    Vocabulary,
    Votes,
    Voting,
    WordIndex,
    WordVoting,
)

Method = Literal["reference", "words", "neighbours"]
METHODS: tuple[Method, ...] = ("reference", "words", "neighbours")


@dataclass(frozen=True)
class DeepIndex:
    """An index of images by the features of their patches.

    Attributes:
        voting: how patches vote.
        signatures: of each feature, of the images; none for an index without.
    """

    voting: Voting
    signatures: Mapping[str, Signatures] = field(default_factory=dict)

    @classmethod
    def build(
        cls,
        patches: Patches,
        codebooks: Mapping[str, Codebook],
        *,
        method: Method = "words",
        idf: InverseFrequency = "ratio",
        signature_type: SignatureType | None = "float32",
        model_version: str = "0",
    ) -> DeepIndex:
        """Index the images of `patches` by the features of `codebooks`: one, two or more.

        Args:
            patches: of each feature float32 (N, P, D); the first patch is the whole image.
            codebooks: of each feature.
            method: "reference", the thesis's inverted index in NumPy; "words", the same with words found by
                ScaNN; "neighbours", votes of the nearest patches.
            idf: "ratio" for N / n, as the thesis prints it; "log" for log(N / n), which multiple assignment
                needs: with the ratio one rare word that is not the nearest outweighs all others.
            signature_type: number format of the signatures; None for an index without.
            model_version: of the features.

        Raises:
            UsageError: if a feature is missing, there is no image, or the method is not known.
        """
        if method not in METHODS:
            raise UsageError(f"method is {method!r}; expected one of {METHODS}")
        vocabularies: dict[str, Vocabulary] = dict(codebooks)
        if method == "words":
            vocabularies = {
                name: WordIndex.build(codebook, model=name, model_version=model_version)
                for name, codebook in codebooks.items()
            }
        voting: Voting
        if method == "neighbours":
            voting = NeighbourVoting.build(patches, vocabularies, model_version=model_version, idf=idf)
        else:
            voting = WordVoting.build(patches, vocabularies, idf)
        signatures = (
            {}
            if signature_type is None
            else {name: Signatures(patches[name][:, 0], signature_type) for name in codebooks}
        )
        return cls(voting, signatures)

    def scores(self, patches: Patches, *, assignments: int = 1, alpha: float = 0.0) -> Votes:
        """Return the scores of the images for queries, float64 (Q, N), 0 or more, higher is more alike.

        Args:
            patches: of the queries, as those of `build`.
            assignments: words that a patch stands for (MA).
            alpha: strength of the signatures, 0 for none; votes are multiplied by exp(-alpha d), d the sum of
                the distances in each feature (equations 4.4 and 4.5).

        Raises:
            UsageError: if a feature is missing, alpha is negative, or not 0 for an index without signatures.
        """
        if not alpha >= 0 or (alpha and not self.signatures):
            raise UsageError(f"alpha is {alpha}; expected 0 or more, and 0 for an index without signatures")
        votes = self.voting.votes(patches, assignments)
        if alpha:
            distances = sum(
                table.distances(patches[name][:, 0]).astype(np.float64)
                for name, table in self.signatures.items()
            )
            votes = votes * np.exp(-alpha * distances)
        return votes

    def rank(self, patches: Patches, *, assignments: int = 1, alpha: float = 0.0) -> npt.NDArray[np.int64]:
        """Return the images from the best on, int64 (Q, N); of equal scores the lower number goes first.

        Args, raises: as `scores`.
        """
        scores = self.scores(patches, assignments=assignments, alpha=alpha)
        return np.argsort(-scores, axis=1, kind="stable")
