from pathlib import Path

import numpy as np
import pandas as pd

from analysis.interpret.corruption_outcomes import Outcomes, outcomes_of, tabulate_outcomes, typical_image
from analysis.interpret.corruptions import CORRUPTIONS, SEVERITIES

SHAPE = (len(CORRUPTIONS), len(SEVERITIES), 4)


def random_outcomes() -> Outcomes:
    rng = np.random.default_rng(0)
    psnr = np.where(rng.random(SHAPE) < 0.1, np.inf, 40 * rng.random(SHAPE))
    return Outcomes(np.array([0, 0, 2, 2]), np.array([0, 2, 2, 0]), rng.integers(0, 3, SHAPE), psnr, psnr / 9)


def test_table_keeps_outcomes_to_the_bit(tmp_path: Path) -> None:
    outcomes = random_outcomes()
    table = tabulate_outcomes(outcomes, np.array([7, 8, 9, 11]), ["a", "never seen", "c"])
    table.to_parquet(tmp_path / "outcomes.parquet")
    read = outcomes_of(pd.read_parquet(tmp_path / "outcomes.parquet"))
    for name, values in vars(outcomes).items():
        np.testing.assert_array_equal(vars(read)[name], values)


def test_rows_say_what_was_done_to_which_image() -> None:
    outcomes = random_outcomes()
    table = tabulate_outcomes(outcomes, np.array([7, 8, 9, 11]), ["a", "b", "c"])
    assert len(table) == 4 * (1 + len(CORRUPTIONS) * len(SEVERITIES))
    clean = table[table["severity"] == 0]
    assert clean["predicted_label"].tolist() == ["a", "c", "c", "a"]
    assert set(clean["corruption"]) == {"none"}
    (row,) = table[
        (table["corruption"] == "fog") & (table["severity"] == 3) & (table["item_id"] == 9)
    ].to_dict("records")
    fog = [corruption.name for corruption in CORRUPTIONS].index("fog")
    assert row["label"] == "c"
    assert row["predicted_label"] == "abc"[outcomes.corrupted[fog, 2, 2]]
    assert row["ssim"] == outcomes.ssim[fog, 2, 2]


def test_typical_image_is_the_median_of_those_right_when_clean() -> None:
    actual, clean = np.zeros(4, dtype=int), np.array([0, 1, 0, 0])
    corrupted = np.zeros((len(CORRUPTIONS), len(SEVERITIES), 4), dtype=int)
    corrupted[0, :4, 0], corrupted[0, :, 1], corrupted[0, :2, 2] = 1, 1, 1  # 4, 5, 2 and no mistakes
    assert typical_image(Outcomes(actual, clean, corrupted, corrupted, corrupted)) == 2
