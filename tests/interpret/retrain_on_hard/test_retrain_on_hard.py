from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from analysis.interpret.retrain_on_hard.parameters import RetrainOnHardParameters
from analysis.interpret.retrain_on_hard.stage import retrain_on_hard
from analysis.model.baseline_resnet.parameters import BaselineResnetParameters
from analysis.pipeline.dag import load_stages

REPOSITORY = Path(__file__).parents[3]
CONTENT = yaml.safe_load((REPOSITORY / "params.yaml").read_text(encoding="utf-8"))
DEFAULTS = RetrainOnHardParameters.model_validate(CONTENT["retrain_on_hard"])
BASELINE = BaselineResnetParameters.model_validate(CONTENT["baseline_resnet"]).model_copy(
    update={"device": "cpu", "input_px": 8, "epochs": 1}
)
CLASSES = ["cat", "dog", "owl"]


@pytest.fixture
def retrained(make_dataset):
    """The stage on 4 training, 2 validation and 3 test images of each class; cat and dog are confused."""

    def run(*, was_trained_on: bool = True, **changes):
        sizes = {"train": 4, "validation": 2, "test": 3}
        rows = [(label, split, 100) for split, n in sizes.items() for label in CLASSES for _ in range(n)]
        manifest, scan = make_dataset(rows, classes=CLASSES)
        is_train = (manifest["split"] == "train").to_numpy()
        hard = manifest[["item_id", "split", "label"]].assign(
            was_trained_on=is_train & was_trained_on,
            is_worth_repeating=manifest["item_id"].eq(3),
            pair=pd.array([pd.NA if label == "owl" else 0 for label in manifest["label"]], dtype="Int64"),
        )
        return retrain_on_hard(
            hard,
            manifest,
            scan,
            np.arange(len(manifest), dtype=np.uint8),  # no two images alike
            channel_statistics=pd.DataFrame({"channel": ["red", "green", "blue"], "mean": 0.5, "std": 0.3}),
            interpolation_methods=pd.DataFrame({"method": ["bilinear"], "is_recommended": [True]}),
            augmentation_verdicts=pd.DataFrame({"transform": [], "label": [], "verdict": []}),
            parameters=DEFAULTS.model_copy(update=changes),
            baseline_resnet=BASELINE,
            seed=0,
        )

    return run


def test_second_training_is_compared_on_what_is_held_out(retrained):
    artifacts = retrained(retrain=True)
    table = artifacts.tables["mining"]
    # cat and dog, owl, all; validation, then test
    assert table["n_items"].tolist() == [4, 2, 6, 6, 3, 9]
    assert "2 times more often" in artifacts.captions["mining"]
    assert artifacts.metrics["n_repeated"] == 1
    assert artifacts.metrics["test_gain"] == pytest.approx(table["gain"].iloc[-1], abs=1e-4)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({}, "not asked for"),
        ({"retrain": True, "was_trained_on": False}, "nothing is known of how training went"),
    ],
)
def test_no_second_training_unless_asked_for_and_possible(retrained, monkeypatch, settings, reason):
    monkeypatch.setattr("analysis.interpret.retrain_on_hard.stage.compare_training", None)
    artifacts = retrained(**settings)
    assert artifacts.tables["mining"].empty
    assert "mining" not in artifacts.captions
    assert artifacts.summary == f"no second training: {reason}"
    assert np.isnan(artifacts.metrics["test_gain"])


def test_another_list_or_number_of_pictures_trains_nothing():
    stages = load_stages(REPOSITORY)
    assert "hard_examples" not in stages["retrain_on_hard"].parameters
    assert not [dep for dep in stages["hard_examples"].deps if "models" in dep.parts]
