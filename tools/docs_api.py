"""A hook of mkdocs: pages of the API reference, made of signatures and docstrings when the site is built.

The sources are parsed, not imported, so that the site builds in seconds. A page is a room of the house,
api/ROOM.md, and api/kzoo.md what stands above the rooms. On them is all that is public: what has a docstring
and no underscore before its name.
"""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PACKAGE = Path(__file__).resolve().parents[1] / "kzoo"
ROOMS = (
    "kzoo", "layers", "losses", "metrics", "backbones", "data", "retrieval", "serving", "training",
    "evaluation", "export", "systems",
)  # fmt: skip
SECTION = re.compile(r"^(Args|Attributes|Returns|Raises|Yields|Input|Output|Source|Example):(.*)$")
ITEM = re.compile(r"^( {4})(\*{0,2}[\w., `*]+): (.*)$")
CODE_SPAN = re.compile(r"(`[^`]*`)")

Callable_ = ast.FunctionDef | ast.AsyncFunctionDef


def on_files(files: Any, config: Any) -> Any:
    """Add the pages to those of the site; mkdocs calls it."""
    from mkdocs.structure.files import File

    for room in ROOMS:
        files.append(File.generated(config, f"api/{room}.md", content=room_page(room)))
    return files


def room_page(room: str) -> str:
    """Return the page of a room, Markdown."""
    name = "kzoo" if room == "kzoo" else f"kzoo.{room}"
    parts = [f"# {name}", *(part for path in _modules(room) for part in _module(path))]
    return "\n\n".join(parts) + "\n"


def public_names(path: Path) -> list[str]:
    """Return what a module makes public, in its order."""
    return [node.name for node in _public(ast.parse(path.read_text("utf-8")).body)]


def _modules(room: str) -> list[Path]:
    if room == "kzoo":
        return sorted(PACKAGE.glob("*.py"))
    return sorted(path for path in (PACKAGE / room).rglob("*.py") if not path.name.startswith("__main__"))


def _module(path: Path) -> Iterator[str]:
    tree = ast.parse(path.read_text("utf-8"))
    public = list(_public(tree.body))
    module = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")
    docstring = ast.get_docstring(tree)
    if docstring is None or (not public and path.name != "__init__.py"):
        return
    yield f"## {module}"
    yield markdown_of(docstring)
    for node in public:
        yield from _definition(node, module)


def _public(body: list[ast.stmt]) -> Iterator[Callable_ | ast.ClassDef]:
    for node in body:
        if not isinstance(node, Callable_ | ast.ClassDef) or node.name.startswith("_"):
            continue
        if ast.get_docstring(node) is not None:
            yield node


def _definition(node: Callable_ | ast.ClassDef, owner: str, level: int = 3) -> Iterator[str]:
    yield f"{'#' * level} {node.name} {{#{owner}.{node.name}}}"
    yield f"```python\n{_signature(node)}\n```"
    yield markdown_of(ast.get_docstring(node) or "")
    if isinstance(node, ast.ClassDef):
        for method in _public(node.body):
            yield from _definition(method, f"{owner}.{node.name}", level + 1)


def _signature(node: Callable_ | ast.ClassDef) -> str:
    if isinstance(node, ast.ClassDef):
        made = next(
            (one for one in node.body if isinstance(one, ast.FunctionDef) and one.name == "__init__"), None
        )
        bases = ", ".join(ast.unparse(base) for base in node.bases)
        own = _arguments(made, skip_first=True) if made else f"({bases})" if bases else ""
        return f"class {node.name}{own}"
    word = "async def" if isinstance(node, ast.AsyncFunctionDef) else "def"
    returned = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    return f"{word} {node.name}{_arguments(node)}{returned}"


def _arguments(node: Callable_, *, skip_first: bool = False) -> str:
    text = ast.unparse(node.args)
    if skip_first:
        text = text.removeprefix("self").removeprefix(", ")
    if len(text) < 80:
        return f"({text})"
    return f"(\n    {_split(text)},\n)"


def _split(arguments: str) -> str:
    """Put each argument on a line of its own: break at the commas that stand in no bracket."""
    depth, lines = 0, [""]
    for sign in arguments:
        depth += (sign in "([{") - (sign in ")]}")
        if sign == "," and depth == 0:
            lines.append("")
        else:
            lines[-1] += sign
    return ",\n    ".join(line.strip() for line in lines)


def markdown_of(docstring: str) -> str:
    """Return a docstring of Google's style as Markdown: sections as bold words, their entries as lists."""
    lines: list[str] = []
    in_section = in_code = False
    for line in textwrap.dedent(docstring).splitlines():
        indented = line.startswith("    ")
        if found := SECTION.match(line):
            gap = [""] if lines and lines[-1] else []
            lines += [*gap, f"**{found[1]}:**{_escaped(found[2])}", ""]
            in_section, in_code = True, False
        elif in_section and (item := ITEM.match(line)):
            lines.append(f"- `{item[2].strip('`')}`: {_escaped(item[3])}")
        elif in_section and indented:
            lines.append(
                "  " + _escaped(line.strip())
                if lines[-1].startswith(("- ", "  "))
                else _escaped(line.strip())
            )
        elif indented:
            lines += [line] if in_code or not lines or not lines[-1] else ["", line]
            in_code = True
        else:
            in_section = in_section and not line
            in_code = in_code and not line
            lines.append(_escaped(line))
    return "\n".join(lines).strip("\n")


def _escaped(text: str) -> str:
    """Keep what would be markup, and is none, outside of `code`."""
    parts = CODE_SPAN.split(text)
    return "".join(
        part if part.startswith("`") else re.sub(r"([*_\[\]<])", r"\\\1", part).lstrip("\t") for part in parts
    )
