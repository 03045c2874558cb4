import pandas as pd
import pytest

from analysis.explore.geometric.parameters import GeometricParameters
from analysis.explore.geometric.verdicts import judge_poses

PARAMETERS = GeometricParameters(
    max_images=1000,
    min_images=20,
    min_unusual_auroc=0.67,
    min_trusted_recall=0.9,
    max_recall_drop=0.1,
    min_passing_fraction=0.1,
)
# never seen in that pose and no longer recognised, but like nothing else either
STRANGE = {
    "auroc": 0.9,
    "auroc_low": 0.85,
    "auroc_high": 0.95,
    "recall": 0.98,
    "recall_drop_low": 0.5,
    "recall_drop_high": 0.7,
    "precision": 0.9,
    "passing_excess_low": 0.0,
}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "unusual pose"),
        ({"auroc_low": 0.45, "auroc_high": 0.66}, "safe"),
        ({"auroc_low": 0.6, "auroc_high": 0.7}, "unclear"),
        ({"recall_drop_low": -0.05, "recall_drop_high": 0.08}, "safe"),
        ({"recall_drop_low": 0.05, "recall_drop_high": 0.2}, "unclear"),
        ({"recall_drop_high": 0.08, "recall_drop_low": 0.0, "recall": 0.8}, "unusual pose"),
        ({"recall_drop_high": 0.08, "recall_drop_low": 0.0, "precision": 0.2}, "unusual pose"),
        ({"passing_excess_low": 0.2}, "changes the class"),
        ({"passing_excess_low": 0.2, "recall": 0.8}, "unusual pose"),
        ({"passing_excess_low": 0.2, "auroc_low": 0.4, "auroc_high": 0.6}, "changes the class"),
        ({"auroc": None, "auroc_low": None, "auroc_high": None}, "too few images"),
    ],
)
def test_verdict_follows_from_the_evidence(changes: dict[str, float], expected: str) -> None:
    rows = [STRANGE | changes | {"label": "a"}, STRANGE | {"label": "b"}]
    evidence = pd.DataFrame(rows).assign(transform="vertical_flip").astype({"auroc": float})
    judged = judge_poses(evidence, pd.Series({"a": 50, "b": 50}), PARAMETERS)
    verdicts = judged.set_index(["label", "transform"])["verdict"]
    assert verdicts["a", "vertical_flip"] == expected
    assert verdicts["a", "horizontal_flip"] == "too few images"  # there is no evidence on it
