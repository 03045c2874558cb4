"""The map as files: which images are on it, where, in which groups, and which pictures belong to them."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from made_up_site import (
    EXAM,
    HOSTILE_LABEL,
    INTAKE,
    MAPPER,
    REPORT,
    make_manifest,
    make_map,
    render,
    write_outputs_with_map,
)
from PIL import Image

from analysis.report.report.pages.map_page import ABSENT, MAX_COORDINATE

STAGES = (INTAKE, MAPPER, EXAM, REPORT)


def content_of(site: Path) -> dict[str, Any]:
    script = (site / "assets" / "map" / "points.js").read_text(encoding="ascii")
    return json.loads(script.partition("globalThis.deepsightMap = ")[2].rstrip(";\n"))


def unpack(text: str, dtype: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), dtype)


def item_ids(content: dict[str, Any]) -> list[int]:
    """Image 0 has a name of its own, the others are named by their number."""
    return [int(Path(path).stem) if Path(path).stem.isdigit() else 0 for path in content["paths"]]


def test_map_holds_each_image_with_a_place_once(map_site: Path) -> None:
    content = content_of(map_site)
    ids = item_ids(content)
    assert sorted(ids) == [0, 3, 4, 5, 6, 7, 8, 9]
    places = unpack(content["spaces"][0]["places"], "<u2").reshape(-1, 2)
    for item_id, (x, y) in zip(ids, places.tolist(), strict=True):
        expected = (
            (ABSENT, ABSENT) if item_id == 9 else (round(item_id / 8 * MAX_COORDINATE), MAX_COORDINATE // 2)
        )
        assert (x, y) == expected
    assert [space["title"] for space in content["spaces"]] == ["Embeddings", "Thumbnails"]


def test_map_groups_images_by_label_split_and_finding(map_site: Path) -> None:
    content = content_of(map_site)
    ids = np.array(item_ids(content))
    label, split, finding = content["colourings"]
    codes = unpack(label["codes"], "<u2")
    assert {int(i) for i in ids[codes == 1]} == {4, 5, 6}
    assert label["groups"][1]["name"] == HOSTILE_LABEL
    assert ids[codes == len(label["groups"])].tolist() == [9]  # the rest: no label
    assert [group["name"] for group in split["groups"]] == ["train", "validation", "test"]
    found = {
        group["name"]: set(ids[unpack(members, "<u4")].tolist())
        for group, members in zip(finding["groups"], finding["members"], strict=True)
    }
    assert found == {"Pale images": {0, 3, 9}, "Small images": {5, 6, 7, 8}}  # torn ones have no place


def test_sheet_holds_each_image_s_thumbnail_where_its_number_says(map_site: Path) -> None:
    content = content_of(map_site)
    sheet = np.asarray(Image.open(map_site / content["sheets"][0]).convert("RGB")).astype(int)
    for place, item_id in enumerate(item_ids(content)):
        row, column = divmod(place, content["tilesASide"])
        tile = sheet[32 * row : 32 * row + 32, 32 * column : 32 * column + 32]
        assert np.abs(tile[16, 16] - (20 * item_id, 0, 200)).max() < 12


def test_map_is_in_the_menu_and_on_its_stage_s_page(map_site: Path) -> None:
    for page in ("index", "scrub", "map"):
        assert '<a href="map.html"' in (map_site / f"{page}.html").read_text(encoding="utf-8")
    assert "Explore the interactive map" in (map_site / "odd_checks.html").read_text(encoding="utf-8")
    assert "Explore the interactive map" not in (map_site / "intake.html").read_text(encoding="utf-8")
    assert '<a href="odd_checks.html">Odd checks</a> for how far' in (map_site / "map.html").read_text(
        "utf-8"
    )


def test_user_s_text_stands_in_no_markup(map_site: Path) -> None:
    assert HOSTILE_LABEL not in (map_site / "map.html").read_text(encoding="utf-8")
    assert "innerHTML" not in (map_site / "assets" / "map.js").read_text(encoding="utf-8")


def test_address_leads_from_the_site_to_the_file(map_site: Path) -> None:
    content = content_of(map_site)
    assert all((map_site / content["root"] / path).resolve().is_file() for path in content["paths"])


def test_address_of_an_absolute_path_is_the_file_s_uri(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    manifest = make_manifest(tmp_path / "photos")
    write_outputs_with_map(make_map())
    content = content_of(render(manifest, stages=STAGES))
    assert content["root"] == "file://"
    assert all(Path(path).is_file() for path in content["paths"])


def test_of_many_images_a_sample_is_shown_and_that_is_said(manifest: pd.DataFrame) -> None:
    write_outputs_with_map(make_map())
    site = render(manifest, stages=STAGES, map_images=5)
    assert len(content_of(site)["paths"]) == 5
    assert "Shown are 5 images of 8" in (site / "map.html").read_text(encoding="utf-8")


def test_report_without_a_map_has_no_page_of_it(site: Path) -> None:
    assert not (site / "map.html").exists()
    assert "map.html" not in (site / "index.html").read_text(encoding="utf-8")


def test_map_without_any_place_has_no_page(manifest: pd.DataFrame) -> None:
    write_outputs_with_map(make_map().assign(embeddings_x=np.nan, thumbnails_x=np.nan))
    assert not (render(manifest, stages=STAGES) / "map.html").exists()


def test_two_reports_are_the_same_bytes(manifest: pd.DataFrame) -> None:
    write_outputs_with_map(make_map())
    first = {
        file.name: file.read_bytes() for file in (render(manifest, stages=STAGES) / "assets/map").iterdir()
    }
    again = {
        file.name: file.read_bytes() for file in (render(manifest, stages=STAGES) / "assets/map").iterdir()
    }
    assert first == again
