import numpy as np
import pytest

from analysis.scrub.duplicate_search.candidates import (
    candidate_pairs,
    descriptors,
    hash_pairs,
    kept_fraction,
    neighbour_pairs,
    spectra,
    without_borders,
)


def pictures(n: int, *, seed: int = 0) -> np.ndarray:
    """Smooth random colour, of which no two are alike."""
    from scipy.ndimage import gaussian_filter

    noise = np.random.default_rng(seed).normal(size=(n, 32, 32, 3))
    smooth = sum(gaussian_filter(noise, (0, s, s, 0)) * s for s in (1, 2, 4))
    return np.clip(128 + 45 * smooth, 0, 255).astype(np.uint8)


def pairs_within(hashes: np.ndarray, distance: int) -> set[tuple[int, int]]:
    """By comparing every pair."""
    apart = np.bitwise_count(hashes[:, None] ^ hashes[None])
    one, other = np.nonzero(np.triu(apart <= distance, k=1))
    return set(zip(one.tolist(), other.tolist(), strict=True))


@pytest.mark.parametrize("distance", [0, 3, 5])
def test_hash_pairs_misses_none_of_the_pairs_that_comparing_all_finds(distance: int) -> None:
    rng = np.random.default_rng(distance)
    hashes = rng.integers(0, 2**64, 300, dtype=np.uint64)
    flips = [rng.choice(64, 1 + i % 9, replace=False).astype(np.uint64) for i in range(100)]
    hashes[:100] = [
        h ^ np.bitwise_or.reduce(np.uint64(1) << f) for h, f in zip(hashes[100:200], flips, strict=True)
    ]
    found = {(a, b) for a, b, _ in hash_pairs(hashes, max_distance=distance).tolist()}
    assert found == pairs_within(hashes, distance)


def test_hash_pairs_joins_equal_hashes_to_the_first_alone() -> None:
    pairs = hash_pairs(np.full(500, 7, dtype=np.uint64), max_distance=5)
    assert pairs[:, :2].tolist() == [[0, i] for i in range(1, 500)]


def test_hash_pairs_of_no_hash_is_empty() -> None:
    assert hash_pairs(np.empty(0, dtype=np.uint64), max_distance=5).shape == (0, 3)


def test_without_borders_cuts_a_frame_and_its_blurred_line_off() -> None:
    (picture,) = pictures(1)
    framed = np.zeros((1, 32, 32, 3), dtype=np.uint8)
    framed[0, 3:29, 2:30] = picture[3:29, 2:30]
    trimmed, cut_px = without_borders(framed)
    assert cut_px.tolist() == [[4, 4, 3, 3]]  # top, bottom, left, right
    assert kept_fraction(cut_px).tolist() == [[(32 - 3 - 3) / 32, (32 - 4 - 4) / 32]]  # width, height
    assert trimmed.min() > 0  # nothing of the frame is left
    # a line beyond the frame goes too, so the corner of what is left is at (4, 3)
    assert np.abs(trimmed[0, 0, 0].astype(int) - picture[4, 3]).max() <= 12


def test_without_borders_leaves_a_plain_background() -> None:
    image = np.full((1, 32, 32, 3), 255, dtype=np.uint8)
    image[0, 8:24, 8:24] = pictures(1)[0, 8:24, 8:24]
    trimmed, cut_px = without_borders(image)
    assert (cut_px == 0).all()
    np.testing.assert_array_equal(trimmed, image)


def test_without_borders_leaves_a_constant_image() -> None:
    image = np.full((1, 32, 32, 3), 90, dtype=np.uint8)
    assert (without_borders(image)[1] == 0).all()


@pytest.mark.parametrize("is_mirrored", [False, True])
@pytest.mark.parametrize(("describe", "shift_px"), [(descriptors, 2), (spectra, 6)])
def test_neighbour_pairs_finds_a_shifted_copy(describe, shift_px: int, is_mirrored: bool) -> None:
    images = pictures(200)
    copy = np.roll(images[3], (shift_px, -shift_px), axis=(0, 1))
    images[150] = copy[:, ::-1] if is_mirrored else copy
    pairs = neighbour_pairs(images, describe, n_neighbours=3, seed=0).tolist()
    assert [3, 150, int(is_mirrored)] in pairs


@pytest.mark.parametrize("n", [0, 1, 2])
def test_candidate_pairs_of_hardly_any_image(n: int) -> None:
    hashes = np.arange(n, dtype=np.uint64) << np.uint64(20)
    pairs = candidate_pairs(pictures(n), hashes, n_neighbours=8, max_hamming_distance=5, seed=0)
    assert set(map(tuple, pairs[:, :2].tolist())) == ({(0, 1)} if n == 2 else set())


def test_candidate_pairs_of_constant_images_are_valid() -> None:
    images = np.full((5, 32, 32, 3), 128, dtype=np.uint8)
    hashes = np.zeros(5, dtype=np.uint64)
    pairs = candidate_pairs(images, hashes, n_neighbours=2, max_hamming_distance=5, seed=0)
    assert (pairs[:, 0] < pairs[:, 1]).all()
