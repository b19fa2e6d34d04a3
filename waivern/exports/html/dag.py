"""The DAG of a run as inline SVG: layers from left to right, artifacts with status and duration."""

from collections.abc import Iterable, Mapping, Sequence

from waivern.exports.encoding.formatting import duration
from waivern.exports.html.markup import Markup, element
from waivern.history.run_records import ArtifactRecord

MAX_DRAWN_ARTIFACTS = 120
_WIDTH, _HEIGHT = 190, 54
_STEP_X, _STEP_Y = 250, 72
_SWEEPS = 4
_MARKS = {"succeeded": "✓", "failed": "✕", "skipped": "-", "running": "…", "pending": "…"}


def draw_dag(artifacts: Sequence[ArtifactRecord]) -> Markup | None:
    """Return the drawing, or None if there are no artifacts or too many to be readable."""
    if not artifacts or len(artifacts) > MAX_DRAWN_ARTIFACTS:
        return None
    layers = _layers({artifact.artifact_id: artifact.inputs for artifact in artifacts})
    tallest = max(map(len, layers))
    positions = {
        name: _position(column, row, len(layer), tallest)
        for column, layer in enumerate(layers)
        for row, name in enumerate(layer)
    }
    edges = [
        _edge(positions[needed], positions[artifact.artifact_id])
        for artifact in artifacts
        for needed in artifact.inputs
        if needed in positions
    ]
    nodes = [_node(artifact, positions[artifact.artifact_id]) for artifact in artifacts]
    width, height = (len(layers) - 1) * _STEP_X + _WIDTH + 4, (tallest - 1) * _STEP_Y + _HEIGHT + 4
    description = f"{len(artifacts)} artifacts in {len(layers)} layers; also in the table below"
    size = {"width": width, "height": height, "viewbox": f"-2 -2 {width} {height}"}
    return element("svg", element("title", description), edges, nodes, role="img", class_="dag", **size)


def _layers(inputs: Mapping[str, Iterable[str]]) -> list[list[str]]:
    """Return the artifacts by layer: each artifact is one layer after the last of its inputs."""
    depth: dict[str, int] = {}
    waiting = dict(inputs)
    while waiting:
        for name, needed in list(waiting.items()):
            known = [other for other in needed if other in inputs]
            if all(other in depth for other in known):
                depth[name] = 1 + max((depth[other] for other in known), default=-1)
                del waiting[name]
    layers: list[list[str]] = [[] for _ in range(max(depth.values()) + 1)]
    for name in inputs:
        layers[depth[name]].append(name)
    return _with_fewer_crossings(layers, inputs)


def _with_fewer_crossings(layers: list[list[str]], inputs: Mapping[str, Iterable[str]]) -> list[list[str]]:
    """Sort each layer by the mean row of its neighbours, alternately from left to right and from right to left.

    Source: Sugiyama, Tagawa, Toda: Methods for Visual Understanding of Hierarchical System Structures (1981).
    """
    neighbours: dict[str, list[str]] = {name: [] for name in inputs}
    for name, needed in inputs.items():
        for other in needed:
            if other in neighbours:
                neighbours[name].append(other)
                neighbours[other].append(name)
    for _ in range(_SWEEPS):
        for layer in (*layers, *reversed(layers)):
            row = {name: _centred_row(number, other) for other in layers for number, name in enumerate(other)}
            layer.sort(key=lambda name: _mean([row[other] for other in neighbours[name]], default=row[name]))
    return layers


def _centred_row(number: int, layer: Sequence[str]) -> float:
    return number - (len(layer) - 1) / 2


def _mean(values: Sequence[float], *, default: float) -> float:
    return sum(values) / len(values) if values else default


def _position(column: int, row: int, height: int, tallest: int) -> tuple[float, float]:
    return column * _STEP_X, (row + (tallest - height) / 2) * _STEP_Y


def _edge(start: tuple[float, float], end: tuple[float, float]) -> Markup:
    x1, y1 = start[0] + _WIDTH, start[1] + _HEIGHT / 2
    x2, y2 = end[0], end[1] + _HEIGHT / 2
    bend = max((x2 - x1) / 2, 20)
    return element("path", d=f"M{x1:.0f},{y1:.0f} C{x1 + bend:.0f},{y1:.0f} {x2 - bend:.0f},{y2:.0f} {x2:.0f},{y2:.0f}")


def _node(artifact: ArtifactRecord, position: tuple[float, float]) -> Markup:
    status = artifact.status.value
    took = duration(artifact.duration_seconds)
    details = " · ".join(part for part in (artifact.component or artifact.kind, took) if part)
    return element(
        "g",
        element("title", f"{artifact.artifact_id}: {status}"),
        element("rect", width=_WIDTH, height=_HEIGHT, rx=8),
        element("text", _MARKS.get(status, ""), x=14, y=23, class_="mark"),
        element("text", _short(artifact.artifact_id, 17), x=32, y=23, class_="name"),
        element("text", _short(details, 26), x=14, y=42, class_="small faint"),
        transform=f"translate({position[0]:.0f},{position[1]:.0f})",
        class_=f"node {status}",
    )


def _short(text: str, max_length: int) -> str:
    # Keep the end: names in child runbooks share their beginning.
    return text if len(text) <= max_length else f"…{text[-(max_length - 1) :]}"
