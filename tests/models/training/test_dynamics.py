import numpy as np
import pandas as pd
import pytest
import torch

from models.training.dynamics import TrainingDynamics

LABELS = torch.tensor([0, 1])


def logits_for(probability: list[float]) -> torch.Tensor:
    """Logits of two classes that give these probabilities to the first and the second image's own label."""
    p = torch.tensor(probability)
    of_first = torch.stack([p[0], 1 - p[1]])
    return torch.stack([of_first, 1 - of_first], dim=1).log()


def run(epochs: list[list[float]]) -> pd.DataFrame:
    dynamics = TrainingDynamics(3)  # the third is never seen
    for probability in epochs:
        dynamics.record(torch.tensor([1, 0]), logits_for(probability).flip(0), LABELS.flip(0))
        dynamics.end_epoch()
    return dynamics.table(pd.Series([7, 8, 9])).set_index("item_id")


def test_dynamics_are_those_worked_out_by_hand() -> None:
    # right, wrong, right, wrong and wrong, wrong, right, right
    table = run([[0.9, 0.2], [0.4, 0.3], [0.8, 0.6], [0.1, 0.9]])
    assert table["n_epochs"].tolist() == [4, 4, 0]
    assert table["n_learnt_epochs"].tolist() == [2, 2, 0]
    assert table["n_forgetting_events"].tolist() == [2, 0, 0]
    assert table["first_learnt_epoch"].tolist() == [1, 3, pd.NA]
    p = np.array([[0.9, 0.4, 0.8, 0.1], [0.2, 0.3, 0.6, 0.9]])
    seen = table.loc[[7, 8]]
    np.testing.assert_allclose(seen["mean_probability"], p.mean(axis=1), rtol=1e-5)
    np.testing.assert_allclose(seen["std_probability"], p.std(axis=1), rtol=1e-5)
    np.testing.assert_allclose(seen["mean_loss"], -np.log(p).mean(axis=1), rtol=1e-5)
    np.testing.assert_allclose(seen["area_under_margin"], np.log(p / (1 - p)).mean(axis=1), rtol=1e-5)


def test_image_never_seen_has_no_means() -> None:
    unseen = run([[0.9, 0.2]]).loc[9]
    assert unseen[["area_under_margin", "mean_probability", "std_probability", "mean_loss"]].isna().all()


def test_image_not_seen_in_an_epoch_keeps_its_state() -> None:
    dynamics = TrainingDynamics(2)
    for rows, probability in [([0, 1], [0.9, 0.9]), ([1], [0.9]), ([0, 1], [0.2, 0.9])]:
        labels = torch.zeros(len(rows), dtype=torch.long)
        p = torch.tensor(probability)
        dynamics.record(torch.tensor(rows), torch.stack([p, 1 - p], dim=1).log(), labels)
        dynamics.end_epoch()
    table = dynamics.table(pd.Series([0, 1]))
    assert table["n_epochs"].tolist() == [2, 3]
    assert table["n_forgetting_events"].tolist() == [1, 0]


def test_state_goes_on_where_it_was() -> None:
    whole, first = TrainingDynamics(2), TrainingDynamics(2)
    for dynamics in (whole, first):
        dynamics.record(torch.tensor([0, 1]), logits_for([0.9, 0.2]), LABELS)
        dynamics.end_epoch()
    resumed = TrainingDynamics(2)
    resumed.load_state_dict(first.state_dict())
    for dynamics in (whole, resumed):
        dynamics.record(torch.tensor([0, 1]), logits_for([0.1, 0.8]), LABELS)
        dynamics.end_epoch()
    ids = pd.Series([0, 1])
    pd.testing.assert_frame_equal(resumed.table(ids), whole.table(ids))
    assert whole.table(ids)["n_forgetting_events"].tolist() == [1, 0]


def test_no_images_make_an_empty_table() -> None:
    table = TrainingDynamics(0).table(pd.Series([], dtype="int64"))
    assert len(table) == 0
    assert {"item_id", "n_forgetting_events", "area_under_margin"} <= set(table)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_half_precision_is_taken(dtype: torch.dtype) -> None:
    dynamics = TrainingDynamics(2)
    dynamics.record(torch.tensor([0, 1]), logits_for([0.9, 0.2]).to(dtype), LABELS)
    dynamics.end_epoch()
    assert dynamics.table(pd.Series([0, 1]))["n_learnt_epochs"].tolist() == [1, 0]
