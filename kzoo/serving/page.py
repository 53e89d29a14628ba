"""A page of pictures with what a classifier said of each; one HTML file that needs no other."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kzoo.serving.client import Classification

STYLE = """
body { font: 15px/1.4 system-ui, sans-serif; margin: 2rem; color: #222; }
main { display: grid; grid-template-columns: repeat(auto-fill, minmax(17rem, 1fr)); gap: 1rem; }
figure { margin: 0; padding: 1rem; border: 1px solid #ddd; border-radius: .5rem; }
img { width: 6rem; height: 6rem; object-fit: contain; image-rendering: pixelated; }
figcaption { color: #555; overflow-wrap: anywhere; margin-bottom: .5rem; }
li { list-style: none; position: relative; padding: 0 .3rem; margin: 2px 0; }
li span { position: absolute; inset: 0; background: #cfe3ff; z-index: -1; }
ul { padding: 0; margin: .5rem 0 0; }
"""


def classification_page(
    title: str, paths: Sequence[Path], answers: Sequence[Classification], shown: int = 3
) -> str:
    """Return the page.

    Args:
        title: above the pictures.
        paths: of the image files that were asked about.
        answers: one for each path.
        shown: how many classes of each answer, best first.
    """
    figures = "\n".join(_figure(path, answer, shown) for path, answer in zip(paths, answers, strict=True))
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        f"<h1>{escape(title)}</h1>\n<main>\n{figures}\n</main>\n</body>\n</html>\n"
    )


def _figure(path: Path, answer: Classification, shown: int) -> str:
    encoded = base64.b64encode(path.read_bytes()).decode("ascii")
    kind = path.suffix.lower().lstrip(".").replace("jpg", "jpeg")
    rows = "".join(
        f'<li><span style="width: {score:.1%}"></span>{escape(name)} {score:.1%}</li>'
        for name, score in answer.best[:shown]
    )
    label = escape(f"{path.parent.name}/{path.name}")
    return (
        f"<figure><figcaption>{label}</figcaption>"
        f'<img alt="{label}" src="data:image/{kind};base64,{encoded}">'
        f"<ul>{rows}</ul></figure>"
    )
