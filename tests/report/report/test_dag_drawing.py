from __future__ import annotations

import re
from itertools import combinations
from pathlib import Path

from analysis.pipeline.dag import Stage, load_stages
from analysis.report.report.pages.dag_drawing import BOX_HEIGHT, BOX_WIDTH, DagDrawing, draw_dag


def stages_of(**needs: str) -> dict[str, Stage]:
    """Stages by name, each with the names of those whose output it reads."""
    return {
        name: Stage(
            name=name,
            command=f"python -m analysis.scrub.{name}",
            description="",
            deps=tuple(Path(f"data/{need}.csv") for need in read.split()),
            outs=(Path(f"data/{name}.csv"),),
            metrics=(),
            parameters={},
        )
        for name, read in needs.items()
    }


def ends(drawing: DagDrawing) -> set[tuple[str, str]]:
    """The boxes that each arrow leaves and reaches, read off its path."""
    starts = {(box.x + BOX_WIDTH, box.y + BOX_HEIGHT / 2): box.name for box in drawing.boxes}
    targets = {(box.x, box.y + BOX_HEIGHT / 2): box.name for box in drawing.boxes}
    found = set()
    for arrow in drawing.arrows:
        x0, y0 = re.match(r"M([\d.]+) ([\d.]+)", arrow).groups()
        x1, y1 = re.search(r"([\d.]+) ([\d.]+)$", arrow).groups()
        found.add((starts[float(x0), float(y0)], targets[float(x1), float(y1)]))
    return found


def test_draw_dag_leaves_out_arrows_that_follow_from_others() -> None:
    drawing = draw_dag(stages_of(a="", b="a", c="a b", d="a b c"))
    assert ends(drawing) == {("a", "b"), ("b", "c"), ("c", "d")}


def test_draw_dag_draws_an_arrow_across_layers() -> None:
    assert ends(draw_dag(stages_of(a="", b="a", c="b", far="a", d="c far"))) >= {("a", "far"), ("far", "d")}


def test_draw_dag_leads_an_arrow_through_a_free_place_in_each_layer_it_crosses() -> None:
    drawing = draw_dag(stages_of(a="", b="a", c="b", far="a", d="c far"))
    (crossing,) = [arrow for arrow in drawing.arrows if "h" in arrow]  # from far past the layer of c
    height = float(re.search(r" ([\d.]+)h", crossing).group(1))
    (c,) = [box for box in drawing.boxes if box.name == "c"]
    assert not c.y <= height <= c.y + BOX_HEIGHT


def test_draw_dag_places_each_stage_right_of_what_it_needs() -> None:
    drawing = draw_dag(stages_of(d="b c", b="a", c="a", a=""))
    x = {box.name: box.x for box in drawing.boxes}
    assert x["a"] < x["b"] == x["c"] < x["d"]


def test_draw_dag_uncrosses_arrows() -> None:
    drawing = draw_dag(stages_of(a="", b="", c="b", d="a"))
    y = {box.name: box.y for box in drawing.boxes}
    assert (y["a"] < y["b"]) == (y["d"] < y["c"])


def test_draw_dag_keeps_the_boxes_of_the_pipeline_apart_and_in_the_picture() -> None:
    drawing = draw_dag(load_stages(Path(__file__).parents[3]))
    for one, other in combinations(drawing.boxes, 2):
        assert abs(one.x - other.x) >= BOX_WIDTH or abs(one.y - other.y) >= BOX_HEIGHT
    assert all(0 <= box.x <= drawing.width - BOX_WIDTH for box in drawing.boxes)
    assert all(0 <= box.y <= drawing.height - BOX_HEIGHT for box in drawing.boxes)


def test_draw_dag_takes_one_stage_alone_and_none() -> None:
    assert len(draw_dag(stages_of(a="")).boxes) == 1
    assert draw_dag({}).boxes == []
