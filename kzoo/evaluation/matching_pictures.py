"""What there is to see of a matching network, as PNG (thesis figures 5.5, 6.4 to 6.8 and 7.11c)."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
from matplotlib.figure import Figure

from kzoo.errors import UsageError
from kzoo.evaluation.pictures import as_png, history_picture
from kzoo.files import write_atomic
from kzoo.metrics.classification import confusion_matrix
from kzoo.systems.cyclematch.late_fusion import STRATEGIES, adaptive_weights
from kzoo.systems.cyclematch.spaces import image_spaces, text_spaces
from kzoo.systems.mmcnet.evaluate import logits

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from kzoo.data.pairs import PairSource
    from kzoo.training.run_folder import Run

PAIRS, QUERIES, ANSWERS = 100, 3, 5
RIGHT, WRONG = "tab:green", "0.75"
CAPTION_WIDTH = 34

Spaces = Mapping[str, tuple[np.ndarray, np.ndarray]]
Arrays = Mapping[str, np.ndarray]


def write_matching_pictures(run: Run, source: PairSource, split: str, which: str, folder: Path) -> list[Path]:
    """Write the pictures of a matching network into a folder.

    Args:
        run: a finished run.
        source, split: what is drawn; pairs and queries are taken at equal distances over the split, whatever
            the network makes of them.
        which: "best" or "final" weights.
        folder: gets history.png; of a network that matches, similarity.png, spaces.png and retrieval.png; of
            one with several spaces, score_curves.png and adaptive_weights.png; of one that classifies,
            confusion.png.

    Raises:
        RunError: if the run has not ended or a table of it cannot be read.
        UnknownNameError: if the source has no such split.
    """
    model, arrays = run.model(which), source.arrays(split)
    pictures = {"history": history_picture({run.description.model: [run.folder]})}
    spaces = spaces_of(model, arrays)
    if spaces:
        similarity = fused_similarity(spaces)
        pictures["similarity"] = similarity_picture(similarity, arrays["image_index"])
        pictures["spaces"] = spaces_picture(spaces, arrays["image_index"])
        drawings = [one.image_bytes() for one in source.encoding.source.images(split)]
        pictures["retrieval"] = retrieval_picture(similarity, arrays, drawings)
    if len(spaces) > 1:
        scores = {name: images @ texts.T for name, (images, texts) in spaces.items()}
        pictures["score_curves"] = score_curves_picture(scores)
        pictures["adaptive_weights"] = adaptive_weights_picture(scores)
    if "logits" in model.output:
        label = arrays["label"][arrays["image_index"]]
        if label.ndim == 1:
            predicted = logits(model, arrays).argmax(axis=1)
            pictures["confusion"] = confusion_picture(label, predicted, source.classes)
    for name, png in pictures.items():
        write_atomic(folder / f"{name}.png", png)
    return [folder / f"{name}.png" for name in pictures]


def spaces_of(model: keras.Model, arrays: Arrays) -> Spaces:
    """Return space to vectors of length 1 of all images (N, K) and all texts (M, K).

    RRF-Net and MMC-Net have one, "embedding"; CycleMatch "visual", "textual" and "latent", or the last alone;
    a network that only classifies has none.
    """
    if "image_embedding" in model.output:
        image, text = (
            keras.Model(model.input[side], model.output[f"{side}_embedding"])(arrays[side], training=False)
            for side in ("image", "text")
        )
        return {"embedding": (_unit(image), _unit(text))}
    if "image_latent" in model.output:
        images = image_spaces(model)(arrays["image"], training=False)
        texts = text_spaces(model)(arrays["text"], training=False)
        both = [name for name in STRATEGIES["three_score"] if name in images and name in texts]
        return {name: (_unit(images[name]), _unit(texts[name])) for name in both}
    return {}


def fused_similarity(spaces: Spaces) -> np.ndarray:
    """Return (N, M): the cosine of the one space, or the average of the visual and the textual one."""
    chosen = [name for name in STRATEGIES["two_score"] if name in spaces] or list(spaces)[:1]
    return np.mean([spaces[name][0] @ spaces[name][1].T for name in chosen], axis=0)


def similarity_picture(similarity: np.ndarray, image_index: np.ndarray) -> bytes:
    """Draw the similarities of 100 images and the first caption of each, scaled to 0..1 (figure 6.6)."""
    images, captions = _pairs(image_index)
    figure = Figure(figsize=(5.4, 4.6), layout="constrained")
    panel = figure.subplots()
    shown = panel.imshow((similarity[np.ix_(images, captions)] + 1) / 2, vmin=0, vmax=1, cmap="viridis")
    figure.colorbar(shown, ax=panel, label="(cosine + 1) / 2")
    panel.set_xlabel("caption")
    panel.set_ylabel("image")
    panel.set_title(f"{len(images)} images and a caption of each")
    return as_png(figure)


def spaces_picture(spaces: Spaces, image_index: np.ndarray) -> bytes:
    """Draw t-SNE maps of 100 images and their captions in each space; a pair has one colour (figure 6.4)."""
    from sklearn.manifold import TSNE

    images, captions = _pairs(image_index)
    if len(images) < 2:
        raise UsageError(f"t-SNE needs two pairs or more; received {len(images)}")
    figure = Figure(figsize=(4.4 * len(spaces), 4.4), layout="constrained")
    colours = np.linspace(0, 1, len(images))
    for panel, (name, (image, text)) in zip(
        figure.subplots(1, len(spaces), squeeze=False)[0], spaces.items(), strict=True
    ):
        vectors = np.concatenate([image[images], text[captions]])
        near = min(30.0, (len(vectors) - 1) / 3)
        places = TSNE(perplexity=near, init="pca", method="exact", random_state=0).fit_transform(vectors)
        for marker, part, label in (
            ("o", places[: len(images)], "image"),
            ("*", places[len(images) :], "text"),
        ):
            panel.scatter(*part.T, c=colours, cmap="hsv", marker=marker, s=28, label=label)
        panel.set_title(f"{name} space")
        panel.set_xticks([])
        panel.set_yticks([])
        panel.legend()
    return as_png(figure)


def score_curves_picture(scores: Mapping[str, np.ndarray]) -> bytes:
    """Draw the sorted scores of one image and of one text in each space, with their weights (figure 6.5).

    Args:
        scores: space to cosines (N, M).
    """
    figure = Figure(figsize=(9.6, 3.8), layout="constrained")
    for panel, what, axis in zip(figure.subplots(1, 2), ("image", "text"), (1, 0), strict=True):
        weights = [np.ravel(one) for one in map(_array, adaptive_weights(list(scores.values()), axis))]
        query = len(weights[0]) // 2
        for (name, values), weight in zip(scores.items(), weights, strict=True):
            curve = np.sort(values[query] if axis else values[:, query])[::-1]
            panel.plot(curve, label=f"{name}, weight {weight[query]:.3f}")
        panel.axhline(0, color="0.4", linewidth=0.8)
        panel.set_title(f"{what} {query} as the query")
        panel.set_xlabel("candidates, nearest first")
        panel.set_ylabel("cosine")
        panel.legend()
    return as_png(figure)


def adaptive_weights_picture(scores: Mapping[str, np.ndarray]) -> bytes:
    """Draw every query's weights of the visual and the textual score (figure 6.7).

    Args:
        scores: space to cosines (N, M), of both at least.
    """
    fused = [scores[name] for name in STRATEGIES["two_score"]]
    figure = Figure(figsize=(9.6, 3.8), layout="constrained")
    for panel, what, axis in zip(figure.subplots(1, 2), ("image", "text"), (1, 0), strict=True):
        for name, weight in zip(STRATEGIES["two_score"], adaptive_weights(fused, axis), strict=True):
            panel.plot(np.ravel(_array(weight)), ".", markersize=3, label=name)
        panel.set_ylim(0, 1)
        panel.set_title(f"{what} queries")
        panel.set_xlabel("query")
        panel.set_ylabel("weight; both add up to 1")
        panel.legend()
    return as_png(figure)


def confusion_picture(label: np.ndarray, predicted: np.ndarray, classes: Sequence[str]) -> bytes:
    """Draw the share of each class's pairs that were given each class (figure 7.11c)."""
    counts = confusion_matrix(label, predicted, len(classes))
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = 3.6 + 0.28 * min(len(classes), 24)
    figure = Figure(figsize=(side + 0.8, side), layout="constrained")
    panel = figure.subplots()
    figure.colorbar(
        panel.imshow(share, vmin=0, vmax=1, cmap="Blues"), ax=panel, label="share of the true class"
    )
    panel.set_xlabel("named")
    panel.set_ylabel("true")
    if len(classes) <= 24:
        panel.set_xticks(range(len(classes)), classes, rotation=90)
        panel.set_yticks(range(len(classes)), classes)
    return as_png(figure)


def retrieval_picture(similarity: np.ndarray, arrays: Arrays, drawings: Sequence[bytes]) -> bytes:
    """Draw queries with their five nearest answers, the right ones green (figures 5.5 and 6.8).

    Args:
        similarity: (N, M).
        arrays: image_index (M,) and caption (M,).
        drawings: the N encoded images.
    """
    index, captions = arrays["image_index"], arrays["caption"]
    columns = 1 + ANSWERS
    figure = Figure(figsize=(2.1 * columns, 2.1 * 2 * QUERIES), layout="constrained")
    panels = figure.subplots(2 * QUERIES, columns, squeeze=False)
    for row, image in zip(panels[:QUERIES], _spread(len(drawings), QUERIES), strict=False):
        _draw_image(row[0], drawings[image], f"image {image}", "black")
        for panel, answer in zip(row[1:], np.argsort(-similarity[image], kind="stable"), strict=False):
            _draw_words(panel, captions[answer], RIGHT if index[answer] == image else WRONG)
    for row, text in zip(panels[QUERIES:], _spread(len(captions), QUERIES), strict=False):
        _draw_words(row[0], captions[text], "black")
        nearest = np.argsort(-similarity[:, text], kind="stable")
        for place, (panel, answer) in enumerate(zip(row[1:], nearest, strict=False), 1):
            _draw_image(panel, drawings[answer], str(place), RIGHT if index[text] == answer else WRONG)
    for panel in panels.flat:
        panel.set_xticks([])
        panel.set_yticks([])
    return as_png(figure)


def _draw_image(panel: Axes, encoded: bytes, title: str, colour: str) -> None:
    from PIL import Image

    with Image.open(io.BytesIO(encoded)) as opened:
        panel.imshow(opened.convert("RGB"))
    panel.set_title(title, fontsize=8)
    _frame(panel, colour)


def _draw_words(panel: Axes, words: str, colour: str) -> None:
    import textwrap

    shown = textwrap.fill(str(words)[: 3 * CAPTION_WIDTH], CAPTION_WIDTH // 2)
    panel.text(0.5, 0.5, shown, ha="center", va="center", fontsize=8, transform=panel.transAxes)
    _frame(panel, colour)


def _frame(panel: Axes, colour: str) -> None:
    for spine in panel.spines.values():
        spine.set_color(colour)
        spine.set_linewidth(1 if colour == WRONG else 3)


def _pairs(image_index: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return up to 100 images at equal distances, and the first caption of each."""
    found, first = np.unique(image_index, return_index=True)
    chosen = _spread(len(found), PAIRS)
    return found[chosen], first[chosen]


def _spread(total: int, count: int) -> np.ndarray:
    """Return up to `count` of 0..total-1, at equal distances, in the middle of their parts."""
    count = min(count, total)
    return (np.arange(count) * total + total // 2) // count


def _array(values: Any) -> np.ndarray:
    return keras.ops.convert_to_numpy(values)


def _unit(vectors: Any) -> np.ndarray:
    return _array(keras.ops.normalize(vectors, axis=-1))
