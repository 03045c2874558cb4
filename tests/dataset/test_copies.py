"""Which images show one picture: groups of copies and the path of a copy."""

import numpy as np
import pandas as pd
import pytest

from analysis.dataset.copies import component_of, copy_groups, path_of_copy


def make_pairs(*pairs: tuple[int, int], kind: str = "near") -> pd.DataFrame:
    ends = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    return pd.DataFrame({"item_id_a": ends[:, 0], "item_id_b": ends[:, 1], "kind": kind})


def test_components_are_those_of_networkx() -> None:
    networkx = pytest.importorskip("networkx")
    pairs = make_pairs(*np.random.default_rng(0).integers(0, 300, (200, 2)))
    graph = networkx.Graph(list(zip(pairs["item_id_a"], pairs["item_id_b"], strict=True)))
    found = {frozenset(ids) for ids in component_of(pairs).groupby(component_of(pairs)).groups.values()}
    assert found == {frozenset(ids) for ids in networkx.connected_components(graph)}


def test_no_pairs_have_no_components() -> None:
    assert component_of(make_pairs()).empty


def test_a_near_copy_of_one_exact_copy_is_one_of_all() -> None:
    paths = pd.Series([f"{i}.png" for i in range(5)])
    pairs = pd.concat([make_pairs((0, 1), (0, 2), kind="exact"), make_pairs((0, 3))])
    found = path_of_copy(pd.Index([1, 2, 4]), pd.Index([3]), paths, pairs)
    assert found.to_dict() == {1: "3.png", 2: "3.png"}
    assert path_of_copy(pd.Index([3]), pd.Index([2]), paths, pairs).to_dict() == {3: "2.png"}


def test_an_image_without_copies_is_a_group_of_its_own() -> None:
    groups = copy_groups(pd.Index([3, 5, 8, 9, 11]), make_pairs((3, 9), (9, 20)))
    assert groups[3] == groups[9]
    assert groups.nunique() == 4
