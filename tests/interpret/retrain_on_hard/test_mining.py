import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest

from analysis.interpret.retrain_on_hard import mining
from analysis.interpret.retrain_on_hard.mining import compare_training, tabulate_gains
from models.training.inputs import TrainingInputs

CLASSES = ["cat", "dog", "owl"]


def test_gains_are_paired_by_hand():
    predictions = pd.DataFrame(
        {
            "item_id": range(8),
            "split": ["test"] * 7 + ["validation"],
            "label": pd.Categorical(["cat"] * 4 + ["dog", "owl", "owl", "owl"], CLASSES),
            "predicted_random": pd.Categorical(
                ["dog", "dog", "dog", "cat", "dog", "owl", "owl", "owl"], CLASSES
            ),
            "predicted_hard": pd.Categorical(
                ["cat", "cat", "cat", "cat", "cat", "owl", "dog", "owl"], CLASSES
            ),
        }
    )
    table = tabulate_gains(predictions, {"cat", "dog"}).set_index(["split", "classes"])
    confused = table.loc[("test", "confused classes")]
    assert confused[["n_items", "accuracy_random", "accuracy_hard"]].tolist() == [5, 2 / 5, 4 / 5]
    assert confused["gain"] == pytest.approx(2 / 5)
    assert confused["gain_low"] < 2 / 5 < confused["gain_high"]
    assert confused["p_value_holm"] == pytest.approx(min(1, 5 * binomtest(3, 4).pvalue))
    assert table.loc[("test", "other classes"), "gain"] == -1 / 2  # what it helps, it takes from others
    assert table.loc[("test", "all classes"), "gain"] == pytest.approx(1 / 7)
    nothing = table.loc[("validation", "confused classes")]
    assert nothing["n_items"] == 0
    assert np.isnan(nothing["gain"])
    assert np.isnan(nothing["p_value_holm"])


def test_hard_images_and_their_control_add_as_many_rows_and_nothing_else_changes(monkeypatch):
    manifest = pd.DataFrame(
        {
            "item_id": range(8),
            "split": ["train"] * 5 + ["validation", "test", "test"],
            "path": list("abcdefgh"),
        }
    )
    seen = []

    def note(inputs, **_):
        table = inputs.manifest
        seen.append(table)
        return table[table["split"] != "train"][["item_id", "split"]].assign(label="x", predicted_label="x")

    monkeypatch.setattr(mining, "_predict_after_training", note)
    found = compare_training(
        TrainingInputs(manifest, scan=None, thumbnails=None, advice=None),
        trained_on=pd.Series([0, 1, 2, 3]),  # a sample left the fifth out
        repeated=pd.Series([1, 3]),
        n_repeats=2,
        baseline=None,
        seed=0,
    )
    assert found["item_id"].tolist() == [5, 6, 7]
    hard, random = (table["item_id"].value_counts().sort_index() for table in seen)
    assert hard.to_dict() == {0: 1, 1: 3, 2: 1, 3: 3, 5: 1, 6: 1, 7: 1}
    assert (random.sum(), set(random.index)) == (hard.sum(), set(hard.index))
    assert (seen[0].set_index("item_id")["path"] == [*"abcd", *"bdbd", *"fgh"]).all()
