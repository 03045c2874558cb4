"""Lays out the DAG for the report: one box a stage, in layers from left to right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean
from typing import TYPE_CHECKING

from analysis.pipeline.dag import Stage, producers

if TYPE_CHECKING:
    import networkx as nx


BOX_WIDTH, BOX_HEIGHT = 124, 46
GAP_X, GAP_Y = 36, 20
MARGIN = 4
SWEEPS = 8
Point = tuple[str, str, int]  # a box is (name, name, layer), a waypoint (source, target, layer)


@dataclass(frozen=True)
class Box:
    name: str
    x: float
    y: float


@dataclass(frozen=True)
class DagDrawing:
    """Boxes by their upper left corners and arrows as SVG path data, in a picture of `width` × `height`."""

    boxes: list[Box]
    arrows: list[str]
    width: float
    height: float
    box_width: int = BOX_WIDTH
    box_height: int = BOX_HEIGHT


def draw_dag(stages: Mapping[str, Stage]) -> DagDrawing:
    """Place the stages; a dependency that follows from others is not drawn.

    A layered drawing after Sugiyama, Tagawa and Toda (1981): each stage stands to the right of what it
    needs, an arrow over several layers gets a waypoint in each, and repeated sweeps order every layer by
    the mean height of the neighbours, which leaves few crossings.
    """
    import networkx as nx

    graph = nx.transitive_reduction(_graph_of(stages))
    layer_of = {name: i for i, names in enumerate(nx.topological_generations(graph)) for name in names}
    chains = [_chain(source, target, layer_of) for source, target in graph.edges]
    points = dict.fromkeys((name, name, layer_of[name]) for name in stages)
    points |= dict.fromkeys(point for chain in chains for point in chain)
    layers = [[point for point in points if point[2] == i] for i in range(len(set(layer_of.values())))]
    links = nx.Graph(link for chain in chains for link in pairwise(chain))
    links.add_nodes_from(points)
    heights = _heights(layers, links)
    top, pitch = min(heights.values(), default=0) - MARGIN, BOX_WIDTH + GAP_X
    places = {point: (MARGIN + point[2] * pitch, height - top) for point, height in heights.items()}
    return DagDrawing(
        boxes=[Box(point[0], *place) for point, place in places.items() if point[0] == point[1]],
        arrows=[_arrow([places[point] for point in chain]) for chain in chains],
        width=max((x for x, _ in places.values()), default=0) + BOX_WIDTH + MARGIN,
        height=max((y for _, y in places.values()), default=0) + BOX_HEIGHT + MARGIN,
    )


def _graph_of(stages: Mapping[str, Stage]) -> nx.DiGraph:
    import networkx as nx

    graph = nx.DiGraph()
    graph.add_nodes_from(stages)
    for name, stage in stages.items():
        makers = {maker for dep in stage.deps for maker in producers(dict(stages), dep)}
        graph.add_edges_from((maker, name) for maker in makers - {name})
    return graph


def _chain(source: str, target: str, layer_of: Mapping[str, int]) -> list[Point]:
    """The arrow's ends, and between them a waypoint in each layer that it crosses."""
    first, last = layer_of[source], layer_of[target]
    waypoints = [(source, target, layer) for layer in range(first + 1, last)]
    return [(source, source, first), *waypoints, (target, target, last)]


def _heights(layers: Sequence[list[Point]], links: nx.Graph) -> dict[Point, float]:
    """The upper edge of every point; each layer is evenly spaced about height 0."""
    heights: dict[Point, float] = {}

    def spread(layer: Sequence[Point]) -> None:
        for i, point in enumerate(layer):
            heights[point] = (i - (len(layer) - 1) / 2) * (BOX_HEIGHT + GAP_Y)

    for layer in layers:
        spread(layer)
    for sweep in range(SWEEPS):
        for layer in layers if sweep % 2 == 0 else reversed(layers):
            layer.sort(key=lambda point: fmean([heights[near] for near in links[point]] or [0]))
            spread(layer)
    return heights


def _arrow(corners: Sequence[tuple[float, float]]) -> str:
    """Straight through each waypoint's place, curved between the layers, ending at the target's left edge."""
    middle = BOX_HEIGHT / 2
    (x, y), *rest = corners
    path = f"M{x + BOX_WIDTH:g} {y + middle:g}"
    for next_x, next_y in rest:
        bend = next_x - GAP_X / 2
        path += f"C{bend:g} {y + middle:g} {bend:g} {next_y + middle:g} {next_x:g} {next_y + middle:g}"
        if (next_x, next_y) != rest[-1]:
            path += f"h{BOX_WIDTH}"
        y = next_y
    return path
