"""Draw a functional Keras model as SVG: one box a layer, the longest way down the left, branches beside it.

`python tools/draw_network.py cfn_a docs/systems/cfn_a.svg`; `--part generator_ab_1` draws a network that is a
layer of the model. `--all` draws anew every figure that there is: docs/systems/NAME.svg and NAME.PART.svg.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

WIDTH, HEIGHT, COLUMN_GAP, ROW_GAP, MARGIN = 280, 40, 30, 18, 12
PORT_GAP, LANE_OFFSET = 12, 14
FIGURES = Path(__file__).resolve().parents[1] / "docs" / "systems"
WEIGHTS, NO_WEIGHTS, JOIN = "#dbe9f6", "#ffffff", "#fde3c0"


@dataclass(frozen=True)
class Layer:
    """What a box says of a layer; `row` is the number of layers on the longest way to it from an input.

    A layer that is called again has a box for each call, and its parameters in the first alone.
    """

    name: str
    kind: str
    shape: str
    parameters: int
    inputs: tuple[str, ...]
    row: int
    is_shared: bool = False


@dataclass(frozen=True)
class Drawing:
    """Where everything stands.

    Attributes:
        layers: by name, in the model's order.
        columns: layer name to column; 0 is the longest way from an input to the output.
        lanes: (input, layer) to the column that a connection runs down which skips layers of its own column.
    """

    layers: Mapping[str, Layer]
    columns: Mapping[str, int]
    lanes: Mapping[tuple[str, str], int]


def draw(model: Any) -> str:
    """Return the drawing of a functional Keras model as the text of an SVG file.

    Each box has the layer's name and number of parameters, its kind and the shape of its output without the
    batch axis. Layers with weights are blue, layers that join several others orange.
    """
    drawing = arrange(read_layers(model))
    width = MARGIN + _left(1 + max([*drawing.columns.values(), *drawing.lanes.values()]))
    height = 3 * MARGIN + _top(1 + max(layer.row for layer in drawing.layers.values()))
    title = f"{model.name}: {sum(layer.parameters for layer in drawing.layers.values()):,} parameters"
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}"',
        f'height="{height}" font-family="sans-serif" font-size="12" fill="#1b1b1b" role="img">',
        f"<title>{escape(title)}</title>",
        '<defs><marker id="arrow" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7"',
        'orient="auto"><path d="M0 0 8 4 0 8z" fill="#546e7a"/></marker></defs>',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        '<g fill="none" stroke="#546e7a" stroke-width="1.5" marker-end="url(#arrow)">',
        *(f'<path d="{path}"/>' for path in _connections(drawing)),
        "</g>",
        *(_box(layer, drawing.columns[layer.name]) for layer in drawing.layers.values()),
        f'<text x="{MARGIN}" y="{height - MARGIN}">{escape(title)}</text>',
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def read_layers(model: Any) -> dict[str, Layer]:
    """Return the layers of a functional model by name, each after its inputs; called again "NAME, again"."""
    places = {id(one): place for place, one in enumerate(model.operations)}
    calls = [
        call
        for depth in sorted(model._nodes_by_depth, reverse=True)
        for call in sorted(model._nodes_by_depth[depth], key=lambda call: places[id(call.operation)])
    ]
    names: dict[int, str] = {}
    layers: dict[str, Layer] = {}
    for call in calls:
        layer = call.operation
        earlier = sum(one.operation is layer for one in calls[: len(names)])
        name = layer.name + (", again" if earlier else "") + (f" {earlier}" if earlier > 1 else "")
        names[id(call)] = name
        inputs = tuple(names[id(parent)] for parent in call.parent_nodes)
        layers[name] = Layer(
            name=name,
            kind=_kind(layer),
            shape=" x ".join("any" if size is None else str(size) for size in call.outputs[0].shape[1:]),
            parameters=0 if earlier else _parameters(layer),
            inputs=inputs,
            row=1 + max((layers[name].row for name in inputs), default=-1),
            is_shared=bool(earlier and _parameters(layer)),
        )
    return layers


def arrange(layers: Mapping[str, Layer]) -> Drawing:
    """Give each layer a column: the longest way to the last layer is column 0, every branch has its own."""
    last = max(layers.values(), key=lambda layer: layer.row)
    ways = [_way_back(layers, last, taken=set())]
    taken = set(ways[0])
    for layer in sorted(layers.values(), key=lambda layer: -layer.row):
        if layer.name not in taken:
            ways.append(_way_back(layers, layer, taken))
            taken.update(ways[-1])
    skips = [(one, name) for way in ways for one, name in _skips(layers, way)]
    lanes, columns = {}, dict.fromkeys(ways[0], 0)
    taken_spans: list[list[tuple[int, int]]] = []
    for start, end in sorted(skips, key=lambda skip: -layers[skip[0]].row):
        lanes[start, end] = 1 + _first_free(taken_spans, (layers[start].row, layers[end].row))
    for span, way in sorted(((_span(layers, way), way) for way in ways[1:]), key=lambda one: -one[0][0]):
        columns.update(dict.fromkeys(way, 1 + _first_free(taken_spans, span)))
    return Drawing(layers, columns, lanes)


def _way_back(layers: Mapping[str, Layer], end: Layer, taken: set[str]) -> tuple[str, ...]:
    """Return the names on the longest way to `end` that does not touch what is taken, first to last."""
    way = [end.name]
    while free := [name for name in layers[way[-1]].inputs if name not in taken]:
        way.append(max(free, key=lambda name: layers[name].row))
    return tuple(reversed(way))


def _skips(layers: Mapping[str, Layer], way: Sequence[str]) -> Iterator[tuple[str, str]]:
    for place, name in enumerate(way):
        yield from ((one, name) for one in layers[name].inputs if one in way[: max(0, place - 1)])


def _span(layers: Mapping[str, Layer], way: Sequence[str]) -> tuple[int, int]:
    """Return the rows in which a branch leaves and joins others."""
    inputs = [layers[name].row for member in way for name in layers[member].inputs]
    readers = [layer.row for layer in layers.values() if set(layer.inputs) & set(way)]
    rows = [layers[name].row for name in way]
    return min([*inputs, *rows]), max([*readers, *rows])


def _first_free(taken: list[list[tuple[int, int]]], wanted: tuple[int, int]) -> int:
    """Return the first column whose spans of rows leave `wanted` free, having added it there."""
    taken.append([])
    column = next(
        number
        for number, spans in enumerate(taken)
        if all(end < wanted[0] or wanted[1] < start for start, end in spans)
    )
    taken[column].append(wanted)
    return column


def _connections(drawing: Drawing) -> Iterator[str]:
    for layer in drawing.layers.values():
        column = drawing.columns[layer.name]
        from_right = sorted(
            (name for name in layer.inputs if _arrival_column(drawing, name, layer.name) > column),
            key=lambda name: _arrival_column(drawing, name, layer.name),
        )
        for name in layer.inputs:
            start_column, start_row = drawing.columns[name], drawing.layers[name].row
            middle, bottom = _top(start_row) + HEIGHT // 2, _top(start_row) + HEIGHT
            right = _left(start_column) + WIDTH
            port = _top(layer.row) + HEIGHT // 2
            if name in from_right:
                port += PORT_GAP * (2 * from_right.index(name) - len(from_right) + 1) // 2
            if (name, layer.name) in drawing.lanes:
                lane = _left(drawing.lanes[name, layer.name]) + LANE_OFFSET
                yield f"M{right} {middle}H{lane}V{port}H{_left(column) + WIDTH}"
            elif start_column == column:
                yield f"M{_centre(column)} {bottom}V{_top(layer.row)}"
            elif start_column < column:
                yield f"M{right} {middle}H{_centre(column)}V{_top(layer.row)}"
            elif _is_behind_another(drawing, layer, start_column):
                above = _top(layer.row) - ROW_GAP // 2
                yield f"M{_centre(start_column)} {bottom}V{above}H{_centre(column)}V{_top(layer.row)}"
            else:
                yield f"M{_centre(start_column)} {bottom}V{port}H{_left(column) + WIDTH}"


def _is_behind_another(drawing: Drawing, layer: Layer, start_column: int) -> bool:
    """Tell whether a straight line to a layer from the right would run through a box of its row."""
    columns = [drawing.columns[one.name] for one in drawing.layers.values() if one.row == layer.row]
    return any(drawing.columns[layer.name] < column <= start_column for column in columns)


def _arrival_column(drawing: Drawing, start: str, end: str) -> int:
    return drawing.lanes.get((start, end), drawing.columns[start])


def _box(layer: Layer, column: int) -> str:
    left, top = _left(column), _top(layer.row)
    has_weights = layer.parameters or layer.is_shared
    colour = JOIN if len(layer.inputs) > 1 else WEIGHTS if has_weights else NO_WEIGHTS
    count = "shared" if layer.is_shared else f"{layer.parameters:,}" if layer.parameters else ""
    texts = [
        (left + 8, top + 16, 'font-weight="bold"', layer.name),
        (left + WIDTH - 8, top + 16, 'text-anchor="end"', count),
        (left + 8, top + 32, "", layer.kind),
        (left + WIDTH - 8, top + 32, 'text-anchor="end"', layer.shape),
    ]
    words = "".join(f'<text x="{x}" y="{y}" {how}>{escape(text)}</text>' for x, y, how, text in texts if text)
    return (
        f'<rect x="{left}" y="{top}" width="{WIDTH}" height="{HEIGHT}" rx="4" fill="{colour}" '
        f'stroke="#546e7a"/>{words}'
    )


def _kind(layer: Any) -> str:
    """Return the layer's class with what sets it apart from others of its class, as "Conv2D 5 x 5, relu"."""
    kind = type(layer).__name__
    for attribute in ("kernel_size", "pool_size"):
        if hasattr(layer, attribute):
            kind += " " + " x ".join(str(size) for size in getattr(layer, attribute))
    if hasattr(layer, "rate"):
        kind += f" {layer.rate:g}"
    strides = set(getattr(layer, "strides", ())) - {1}
    if strides:
        kind += f", stride {max(strides)}"
    activation = getattr(layer, "activation", None)
    if activation is not None and activation.__name__ != "linear":
        kind += f", {activation.__name__}"
    return kind


def _parameters(operation: Any) -> int:
    """Return the number of parameters; operations that are no layers, as a resizing, have none."""
    return int(operation.count_params()) if hasattr(operation, "count_params") else 0


def _left(column: int) -> int:
    return MARGIN + column * (WIDTH + COLUMN_GAP)


def _centre(column: int) -> int:
    return _left(column) + WIDTH // 2


def _top(row: int) -> int:
    return MARGIN + row * (HEIGHT + ROW_GAP)


def draw_registered(name: str, part: str | None = None) -> str:
    """Return the drawing of a registered model with default options, or of a network that is its layer."""
    import keras

    import kzoo

    keras.utils.clear_session()  # operations are numbered through a process; the figure begins with the first
    model = kzoo.create(name)
    return draw(model if part is None else model.get_layer(part))


def figures() -> dict[Path, tuple[str, str | None]]:
    """Return the figures of docs/systems: file to model and part."""
    found = {}
    for path in sorted(FIGURES.glob("*.svg")):
        name, _, part = path.stem.partition(".")
        found[path] = (name, part or None)
    return found


def main() -> None:
    """Draw a registered model with its default options."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("name", nargs="?", help="a registered model")
    parser.add_argument("file", nargs="?", type=Path, help="the SVG file to write")
    parser.add_argument("--part", help="a layer that is a network itself")
    parser.add_argument("--all", action="store_true", help="every figure of docs/systems")
    given = parser.parse_args()
    from kzoo.files import write_atomic

    if given.all == (given.file is not None):
        parser.error("expected a model and a file, or --all")
    wanted = figures() if given.all else {given.file: (given.name, given.part)}
    for path, (name, part) in wanted.items():
        write_atomic(path, draw_registered(name, part))
        print(f"wrote {path}")


if __name__ == "__main__":
    main()
