"""The DAG of a run as inline SVG: layers from left to right, artifacts with their states and times."""

from collections.abc import Iterable, Mapping, Sequence

from waivern.exports.encoding.formatting import duration
from waivern.exports.html.markup import Made, element
from waivern.history.run_history import ArtifactRecord

MOST_DRAWN = 120
_WIDTH, _HEIGHT = 190, 54
_STEP_X, _STEP_Y = 250, 72
_SWEEPS = 4
_MARKS = {"succeeded": "✓", "failed": "✕", "skipped": "-", "running": "…", "pending": "…"}


def drawn(artifacts: Sequence[ArtifactRecord]) -> Made | None:
    """Return the drawing; None where there is nothing, or more than can be taken in."""
    if not artifacts or len(artifacts) > MOST_DRAWN:
        return None
    layers = _layers({each.artifact_id: each.inputs for each in artifacts})
    places = {name: (column, row) for column, layer in enumerate(layers) for row, name in enumerate(layer)}
    tallest = max(map(len, layers))
    spots = {name: _spot(column, row, len(layers[column]), tallest) for name, (column, row) in places.items()}
    edges = [
        _edge(spots[needed], spots[each.artifact_id]) for each in artifacts for needed in each.inputs if needed in spots
    ]
    nodes = [_node(each, spots[each.artifact_id]) for each in artifacts]
    width, height = (len(layers) - 1) * _STEP_X + _WIDTH + 4, (tallest - 1) * _STEP_Y + _HEIGHT + 4
    told = f"{len(artifacts)} artifacts in {len(layers)} layers; the table below says the same"
    size = {"width": width, "height": height, "viewbox": f"-2 -2 {width} {height}"}
    return element("svg", element("title", told), edges, nodes, role="img", class_="dag", **size)


def _layers(inputs: Mapping[str, Iterable[str]]) -> list[list[str]]:
    """Each artifact stands one layer behind the last of its inputs; in a layer, near those that it is made from."""
    depth: dict[str, int] = {}
    waiting = dict(inputs)
    while waiting:
        for name, needed in list(waiting.items()):
            known = [each for each in needed if each in inputs]
            if all(each in depth for each in known):
                depth[name] = 1 + max((depth[each] for each in known), default=-1)
                del waiting[name]
    layers: list[list[str]] = [[] for _ in range(max(depth.values()) + 1)]
    for name in inputs:
        layers[depth[name]].append(name)
    return _with_fewer_crossings(layers, inputs)


def _with_fewer_crossings(layers: list[list[str]], inputs: Mapping[str, Iterable[str]]) -> list[list[str]]:
    """Sort each layer by where its neighbours stand, to and fro.

    Source: Sugiyama, Tagawa, Toda: Methods for Visual Understanding of Hierarchical System Structures (1981).
    """
    neighbours: dict[str, list[str]] = {name: [] for name in inputs}
    for name, needed in inputs.items():
        for each in needed:
            if each in neighbours:
                neighbours[name].append(each)
                neighbours[each].append(name)
    for _ in range(_SWEEPS):
        for layer in (*layers, *reversed(layers)):
            row = {name: _middle(number, each) for each in layers for number, name in enumerate(each)}
            layer.sort(key=lambda name: _mean([row[each] for each in neighbours[name]], otherwise=row[name]))
    return layers


def _middle(number: int, layer: Sequence[str]) -> float:
    return number - (len(layer) - 1) / 2


def _mean(values: Sequence[float], *, otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise


def _spot(column: int, row: int, height: int, tallest: int) -> tuple[float, float]:
    return column * _STEP_X, (row + (tallest - height) / 2) * _STEP_Y


def _edge(start: tuple[float, float], end: tuple[float, float]) -> Made:
    x1, y1 = start[0] + _WIDTH, start[1] + _HEIGHT / 2
    x2, y2 = end[0], end[1] + _HEIGHT / 2
    bend = max((x2 - x1) / 2, 20)
    return element("path", d=f"M{x1:.0f},{y1:.0f} C{x1 + bend:.0f},{y1:.0f} {x2 - bend:.0f},{y2:.0f} {x2:.0f},{y2:.0f}")


def _node(artifact: ArtifactRecord, spot: tuple[float, float]) -> Made:
    state = artifact.status.value
    made_in = duration(artifact.duration_seconds)
    below = " · ".join(part for part in (artifact.component or artifact.kind, made_in) if part)
    return element(
        "g",
        element("title", f"{artifact.artifact_id}: {state}"),
        element("rect", width=_WIDTH, height=_HEIGHT, rx=8),
        element("text", _MARKS.get(state, ""), x=14, y=23, class_="mark"),
        element("text", _short(artifact.artifact_id, 17), x=32, y=23, class_="name"),
        element("text", _short(below, 26), x=14, y=42, class_="small faint"),
        transform=f"translate({spot[0]:.0f},{spot[1]:.0f})",
        class_=f"node {state}",
    )


def _short(text: str, most: int) -> str:
    """The end of a name says more than its beginning: that is a child runbook's."""
    return text if len(text) <= most else f"…{text[-(most - 1) :]}"
