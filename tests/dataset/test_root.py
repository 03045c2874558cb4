import pandas as pd
import pytest

from analysis.dataset.root import below_root, columns_with_paths, root_of


@pytest.mark.parametrize(
    ("section", "root"),
    [
        ({"source": "folder", "path": "/photos/", "image_root": "x"}, "/photos"),
        ({"source": "csv", "path": "labels.csv", "image_root": "./in/../images"}, "images"),
        ({"source": "digits", "path": "data/raw"}, "data/images"),
        ({"source": "torchvision", "path": "data/raw"}, "data/images"),
        ({}, "data/images"),
    ],
)
def test_root_is_where_the_source_of_the_dataset_lies(section, root):
    assert root_of(section) == root


@pytest.mark.parametrize(
    ("text", "short"),
    [
        ("in/a/1.png", "a/1.png"),
        ("in/in/1.png", "in/1.png"),  # only what begins a path
        ("copy of in/a/1.png, also in/b/2.png", "copy of a/1.png, also b/2.png"),
        ("main/a.png", "main/a.png"),  # another folder's name ends so
        ("/in/a.png", "/in/a.png"),
        ("inside", "inside"),
    ],
)
def test_root_is_left_out_where_it_begins_a_path(text, short):
    assert below_root(pd.Series([text]), "in").tolist() == [short]


def test_root_is_taken_as_it_is_written_and_blanks_stay():
    texts = pd.Series(["/a+b (1)/x.png", None], dtype="string")
    assert below_root(texts, "/a+b (1)").tolist() == ["x.png", pd.NA]


def test_columns_with_paths_are_texts_that_are_named_so():
    rows = pd.DataFrame(
        {"path": ["a"], "twin_path": ["b"], "path_score": [0.5], "label": ["c"], "detail": [None]}
    )
    assert columns_with_paths(rows) == ["path", "twin_path"]
