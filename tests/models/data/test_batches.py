import threading
import warnings
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from analysis.contract import InputError
from analysis.dataset.input_size import suited_input_px
from analysis.dataset.readable import left_out_note, readable_images
from analysis.dataset.samples import stratified_sample
from analysis.progress import ProgressLines
from models.data.batches import Batches
from models.data.decoding import decode
from models.data.store import N_BATCHES_AHEAD, ImageStore, cache_device_of


def table_of(*paths: Path, is_truncated: bool = False) -> pd.DataFrame:
    return pd.DataFrame(
        {"path": [str(path) for path in paths], "value_range": None, "is_truncated": is_truncated}
    )


CPU = torch.device("cpu")


def store_of(make_dataset, levels: list[int], *, home: torch.device | None = CPU) -> ImageStore:
    """Images whose level says which they are; even ones are of class "a", odd ones of "b"."""
    manifest, scan = make_dataset([("ab"[level % 2], "train", level) for level in levels])
    return ImageStore(readable_images(manifest, scan), input_px=8, home=home, description="")


# ---- which images are used -------------------------------------------------------------------------------
def test_unreadable_rows_are_dropped_and_blank_labels_have_no_class(make_dataset) -> None:
    rows = [("b", "train", 1), ("a", "train", None), (None, "test", 2), ("a", "test", 3)]
    manifest, scan = make_dataset(rows, classes=["b", "a"])
    images = readable_images(manifest, scan)
    assert images["item_id"].tolist() == [0, 2, 3]
    assert images["class_index"].tolist() == [0, -1, 1]


def test_truncated_images_are_used(make_dataset) -> None:
    manifest, scan = make_dataset([("a", "train", 1), ("b", "train", 2)])
    scan["status"] = ["truncated", "too_large"]
    assert readable_images(manifest, scan)["is_truncated"].tolist() == [True]


def test_images_left_out_are_counted_by_reason(make_dataset) -> None:
    manifest, scan = make_dataset(
        [("a", "train", 1), ("a", "train", None), (None, "test", 2), (None, "test", None)]
    )
    assert left_out_note(manifest, scan) == ("3 of 4 images are left out: 2 cannot be read, 1 have no label.")
    assert left_out_note(manifest[:1], scan[:1]) == ""


def test_dropped_images_are_left_out_and_counted_once(make_dataset) -> None:
    manifest, scan = make_dataset(
        [("a", "train", 5), ("a", "train", None), (None, "test", 7), ("b", "test", 9)]
    )
    manifest["status"] = ["dropped", "dropped", "ok", "ok"]
    assert readable_images(manifest, scan)["item_id"].tolist() == [2, 3]
    note = "3 of 4 images are left out: 2 are dropped by `clean`, 1 have no label."
    assert left_out_note(manifest, scan) == note


@pytest.mark.parametrize(
    ("sides", "expected"),
    [([8], 16), ([16, 17, 17], 32), ([32, 32, 500], 32), ([33], 64), ([500, 500, 8], 64)],
)
def test_input_size_follows_the_median_image(sides: list[int], expected: int) -> None:
    side = pd.array([*sides, pd.NA], dtype="Int32")
    scan = pd.DataFrame({"status": ["ok"] * len(sides) + ["unreadable"], "width_px": side, "height_px": side})
    assert suited_input_px(scan) == expected


def test_input_size_of_an_oblong_image_is_that_of_the_square_of_its_area() -> None:
    scan = pd.DataFrame({"status": ["ok"], "width_px": [64], "height_px": [16]})
    assert suited_input_px(scan) == 32


# ---- samples ---------------------------------------------------------------------------------------------
def test_sample_keeps_proportions_order_and_every_class() -> None:
    images = pd.DataFrame({"class_index": [0] * 60 + [1] * 30 + [2] * 9 + [3] * 1, "item_id": range(100)})
    sample = stratified_sample(images, 34, rng=np.random.default_rng(0))
    assert sample["class_index"].value_counts().sort_index().tolist() == [20, 10, 3, 1]
    assert sample["item_id"].is_monotonic_increasing
    other = stratified_sample(images, 34, rng=np.random.default_rng(1))
    assert sample["item_id"].tolist() != other["item_id"].tolist()


def test_sample_of_as_many_as_classes_takes_one_of_each() -> None:
    images = pd.DataFrame({"class_index": [0] * 1000 + [1] * 3 + [2]})
    sample = stratified_sample(images, 3, rng=np.random.default_rng(0))
    assert sorted(sample["class_index"]) == [0, 1, 2]


def test_sample_larger_than_the_images_is_all_of_them() -> None:
    images = pd.DataFrame({"class_index": [0, 1]})
    assert stratified_sample(images, 2, rng=np.random.default_rng(0)).equals(images)


# ---- decoding --------------------------------------------------------------------------------------------
def test_grey_transparent_and_palette_images_become_rgb(tmp_path: Path) -> None:
    Image.new("L", (5, 9), 77).save(tmp_path / "grey.png")
    Image.new("RGBA", (9, 5), (255, 0, 0, 0)).save(tmp_path / "transparent.png")
    Image.new("RGB", (4, 4), (0, 128, 255)).quantize(4).save(tmp_path / "palette.png")
    tensor = decode(
        table_of(tmp_path / "grey.png", tmp_path / "transparent.png", tmp_path / "palette.png"), input_px=6
    )
    assert tensor.dtype == torch.uint8
    assert tensor.shape == (3, 3, 6, 6)
    expected = torch.tensor([[77, 77, 77], [255, 255, 255], [0, 128, 255]], dtype=torch.uint8)
    assert torch.equal(tensor, expected[:, :, None, None].expand(3, 3, 6, 6))


def test_oblong_image_is_squeezed_whole(tmp_path: Path) -> None:
    picture = np.zeros((8, 32), dtype=np.uint8)
    picture[:, 16:] = 255
    Image.fromarray(picture).save(tmp_path / "oblong.png")
    tensor = decode(table_of(tmp_path / "oblong.png"), input_px=8)
    assert tensor[0, 0, 0, [0, 1, 6, 7]].tolist() == [0, 0, 255, 255]


def test_many_images_stay_in_order_and_move_the_bar(make_dataset) -> None:
    levels = list(range(200))
    manifest, scan = make_dataset([("a", "train", level) for level in levels])
    with ProgressLines(description="decode", unit="images", total=200) as bar:
        tensor = decode(readable_images(manifest, scan), input_px=4, bar=bar)
    assert tensor[:, 0, 0, 0].tolist() == levels
    assert bar.n == 200


def test_no_images_are_an_empty_tensor() -> None:
    assert decode(table_of(), input_px=8).shape == (0, 3, 8, 8)


def test_truncated_image_is_taken_only_where_the_scan_said_so(tmp_path: Path) -> None:
    path = tmp_path / "Ünfug.jpg"
    Image.effect_noise((64, 64), 80).save(path)
    path.write_bytes(path.read_bytes()[:-600])
    assert decode(table_of(path, is_truncated=True), input_px=8).shape == (1, 3, 8, 8)
    with pytest.raises(InputError, match=r"Ünfug\.jpg could be read when it was scanned, but not now"):
        decode(table_of(path), input_px=8)


def test_file_that_vanished_since_the_scan_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"gone\.png .*Run the scan again"):
        decode(table_of(tmp_path / "gone.png"), input_px=8)


# ---- batches ---------------------------------------------------------------------------------------------
def test_store_gives_the_same_pictures_kept_or_decoded_anew(make_dataset) -> None:
    kept, anew = (store_of(make_dataset, list(range(9)), home=home) for home in (CPU, None))
    assert (kept.kept is None, anew.kept is None) == (False, True)
    rows = np.array([7, 0, 3])
    assert torch.equal(kept[rows], anew[rows])
    assert kept[rows][:, 0, 0, 0].tolist() == [7, 0, 3]


def test_what_is_kept_is_decoded_in_parts_and_in_order(make_dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.data.decoding.N_DECODED_TOGETHER", 4)
    assert store_of(make_dataset, list(range(11))).kept[:, 0, 0, 0].tolist() == list(range(11))


def test_batches_hold_each_image_once_with_its_label(make_dataset) -> None:
    levels = list(range(21))
    batches = Batches(store_of(make_dataset, levels), batch_images=10, seed=0)
    seen = [
        (image[0, 0, 0].item(), label.item())
        for batch in batches
        for image, label in zip(batch.images, batch.labels, strict=True)
    ]
    assert sorted(level for level, _ in seen) == levels
    assert all(level % 2 == label for level, label in seen)
    assert [level for level, _ in seen] != levels


def test_batches_are_of_equal_size_so_that_none_holds_one_image(make_dataset) -> None:
    batches = Batches(store_of(make_dataset, list(range(21))), batch_images=10)
    assert [len(batch.images) for batch in batches] == [7, 7, 7]
    assert len(batches) == 3


def test_order_depends_on_seed_and_epoch_alone(make_dataset) -> None:
    store = store_of(make_dataset, list(range(32)))

    def order(batches: Batches) -> list[int]:
        return [level for batch in batches for level in batch.images[:, 0, 0, 0].tolist()]

    first = Batches(store, batch_images=8, seed=1)
    epochs = [order(first), order(first)]
    assert epochs[0] != epochs[1]
    again = Batches(store, batch_images=8, seed=1)
    again.epoch = 1
    assert order(again) == epochs[1]
    assert order(Batches(store, batch_images=8, seed=2)) != epochs[0]
    assert order(Batches(store, batch_images=8)) == list(range(32))


def test_batches_are_augmented_with_the_epochs_generator(make_dataset) -> None:
    def brighten(
        images: torch.Tensor, labels: torch.Tensor, rng: np.random.Generator
    ) -> tuple[torch.Tensor, torch.Tensor]:
        return images + int(rng.integers(1, 100)), labels + 0.5

    store = store_of(make_dataset, [0, 0, 0, 0])
    batches = Batches(store, batch_images=2, seed=0, augment=brighten)
    seen = [batch for _ in range(2) for batch in batches]
    assert len({int(batch.images[0, 0, 0, 0]) for batch in seen}) == 4
    assert all(torch.equal(batch.targets, batch.labels + 0.5) for batch in seen)
    assert sorted(torch.cat([batch.rows for batch in seen[:2]]).tolist()) == [0, 1, 2, 3]
    assert store[np.arange(4)].max() == 0  # what is kept does not change


def test_a_batch_can_be_looked_at_without_moving_the_epochs_on(make_dataset) -> None:
    batches = Batches(store_of(make_dataset, list(range(32))), batch_images=8, seed=1)
    looked_at = next(batches.of_epoch(0))
    assert torch.equal(looked_at.rows, next(iter(batches)).rows)
    assert batches.epoch == 1


def test_what_is_not_kept_is_decoded_ahead_in_order_and_never_more_than_a_few(
    make_dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = store_of(make_dataset, list(range(30)), home=None)
    begun, decoded_in = [], set()

    class Background(ThreadPoolExecutor):
        def submit(self, *work) -> Future:
            begun.append(work)
            return super().submit(*work)

    def decode_here(images: pd.DataFrame, **size) -> torch.Tensor:
        decoded_in.add(threading.current_thread())
        return decode(images, **size)

    monkeypatch.setattr("models.data.store.ThreadPoolExecutor", Background)
    monkeypatch.setattr("models.data.store.decode", decode_here)
    batches = iter(Batches(store, batch_images=3))
    first = next(batches)
    assert len(begun) == 1 + N_BATCHES_AHEAD
    assert threading.current_thread() not in decoded_in
    levels = [level for batch in (first, *batches) for level in batch.images[:, 0, 0, 0].tolist()]
    assert levels == list(range(30))


def test_iteration_broken_off_decodes_no_further_and_leaves_the_filters_of_warnings(
    make_dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = list(warnings.filters)
    calls = []
    monkeypatch.setattr(
        "models.data.store.decode", lambda images, **size: calls.append(1) or decode(images, **size)
    )
    batches = iter(Batches(store_of(make_dataset, list(range(40)), home=None), batch_images=2))
    next(batches)
    batches.close()
    assert len(calls) <= 2 + N_BATCHES_AHEAD
    assert warnings.filters == before


def test_file_that_vanished_is_named_by_the_batch_that_needs_it(make_dataset) -> None:
    store = store_of(make_dataset, list(range(12)), home=None)
    Path(store.images["path"][9]).unlink()
    batches = iter(Batches(store, batch_images=4))
    assert [len(next(batches).labels) for _ in range(2)] == [4, 4]
    with pytest.raises(InputError, match="Run the scan again"):
        next(batches)


@pytest.mark.parametrize(
    ("device", "n_bytes", "expected"),
    [
        ("cuda", 500, "cuda"),
        ("cuda", 501, "cpu"),
        ("cuda", 2001, None),
        ("cpu", 500, "cpu"),
        ("cpu", 2001, None),
        ("mps", 2000, "cpu"),
    ],
)
def test_images_are_kept_on_the_gpu_with_room_to_spare_else_in_memory_else_nowhere(
    monkeypatch: pytest.MonkeyPatch, device: str, n_bytes: int, expected: str | None
) -> None:
    monkeypatch.setattr("torch.cuda.mem_get_info", lambda: (1000, 4000))
    home = cache_device_of(n_bytes, device=torch.device(device), cache_gigabytes=2e-6)
    assert home == (expected and torch.device(expected))


def test_interpolation_decides_what_a_smaller_picture_holds(tmp_path: Path) -> None:
    stripes = np.zeros((8, 8), dtype=np.uint8)
    stripes[:, 1::2] = 200
    Image.fromarray(stripes).save(tmp_path / "stripes.png")
    images = table_of(tmp_path / "stripes.png")
    area, nearest = (decode(images, input_px=4, interpolation=name) for name in ("area", "nearest"))
    assert (area == 100).all()  # each pixel is the mean of a black and a light one
    assert set(nearest.unique().tolist()) <= {0, 200}
    store = ImageStore(images, input_px=4, home=None, description="", interpolation="nearest")
    assert (store[np.array([0])] == nearest).all()


def test_picture_of_12_bits_is_scaled_by_the_range_of_the_scan(tmp_path: Path) -> None:
    Image.fromarray(np.full((8, 8), 2048, np.uint16)).save(tmp_path / "deep.png")
    for value_range, level in (("0..4095", 128), ("0..65535", 8)):
        table = table_of(tmp_path / "deep.png").assign(value_range=value_range)
        assert decode(table, input_px=4).unique().tolist() == [level]
