"""Pairs of images that may be copies of one another, found without comparing every pair.

Three searches whose blind spots differ, all by faiss. Near perceptual hashes catch copies whose layout is
unchanged; near descriptors of edges and colours catch crops and rotations too; near amplitude spectra, which
do not say where anything lies, catch wide shifts. A mirrored copy is found by searching with the mirrored
image, a framed one by cutting plain borders off first.

What comes out is a long list with few true copies in it: `first_look`, `detail` and `yardstick` tell which
they are.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import faiss
import numpy as np
from numpy.typing import NDArray
from scipy import fft
from scipy.ndimage import gaussian_filter1d

SIDE_PX = 32  # of a thumbnail
MAX_BORDER_PX = 4  # a plain margin wider than this is background, which belongs to the image
PLAIN_LEVELS = 8  # a line of pixels this even (0..255) is plain; recompression moves a plain line by 2 to 5
FINE_PX, COARSE_PX = 0.7, 4.0  # structure is what lies between the widths of these two Gaussians
LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)
MIXED_LEVELS = 24  # where a border of another side is known
DIRECTIONS = 8
CELLS = 4  # of edges, each way
COLOUR_WEIGHT = np.float32(0.35)  # more finds framed copies better, less finds recoloured ones better
DESCRIPTOR_LENGTH = 96
LOWEST_FREQUENCIES = 8  # each way, of the amplitude spectrum
EXHAUSTIVE_IMAGES = 20_000  # up to here comparing all takes seconds; beyond, 1 in 100 copies is missed
BLOCK = 4096  # images described at once
SAMPLED_IMAGES = 20_000  # to find the principal axes
POINTS_A_CELL = 39  # fewer to place a cell by, and faiss warns
HASH_BLOCKS, BLOCK_BITS, BLOCK_FLIPS = 3, 21, 1
Images = NDArray[np.uint8]  # (n, 32, 32, 3)
Pairs = NDArray[np.int64]  # (m, 3): lower row, higher row, 1 if one of the two is mirrored
Planes = NDArray[np.float32]  # (n, 32, 32)
Rows = NDArray[np.float32]  # (n, length)


def candidate_pairs(
    images: Images, hashes: NDArray[np.uint64], *, n_neighbours: int, max_hamming_distance: int, seed: int
) -> Pairs:
    """Every pair that any of the searches finds, once, in order.

    Spectra are asked for half as many neighbours as descriptors: they say less, and a copy comes early.
    `images` are those of `without_borders`. A pair stands twice if it was found both mirrored and not.
    """
    found = [
        hash_pairs(hashes, max_distance=max_hamming_distance),
        neighbour_pairs(images, descriptors, n_neighbours=n_neighbours, seed=seed),
        neighbour_pairs(images, spectra, n_neighbours=-(-n_neighbours // 2), seed=seed),
    ]
    return np.unique(np.concatenate(found), axis=0)


def without_borders(images: Images) -> tuple[Images, NDArray[np.int64]]:
    """The images with plain frames and plain fill cut off and stretched to full size, and the widths cut.

    These are (n, 4), of top, bottom, left and right; 0 of an image without a border.

    A border is at most `MAX_BORDER_PX` wide and ends at a line that differs. Only what it leaves of the
    picture can be compared with a copy that has none.
    """
    trimmed = np.array(images)
    across = images.transpose(0, 2, 1, 3)  # (n, y, x, 3) -> (n, x, y, 3)
    sides = [images, images[:, ::-1], across, across[:, ::-1]]  # top, bottom, left, right: each as a top
    widths = np.stack([_border_px(side, levels=PLAIN_LEVELS) for side in sides])
    framed = np.flatnonzero((widths > 0).any(axis=0))
    widths[:, framed] = _whole_frames([side[framed] for side in sides], widths[:, framed])
    for i in framed:
        top, bottom, left, right = widths[:, i]
        inner = images[i, top : SIDE_PX - bottom, left : SIDE_PX - right]
        trimmed[i] = cv2.resize(np.ascontiguousarray(inner), (SIDE_PX, SIDE_PX))
    return trimmed, widths.T


def kept_fraction(cut_px: NDArray[np.int64]) -> NDArray[np.float64]:
    """What such cuts leave of each image's width and height; (n, 2)."""
    top, bottom, left, right = cut_px.T
    return 1 - np.column_stack([left + right, top + bottom]) / SIDE_PX


def _border_px(images: Images, *, levels: int) -> NDArray[np.int64]:
    """Width of the plain border at the top of each image, 0 if there is none."""
    lines = images[:, : MAX_BORDER_PX + 1].astype(np.int16)
    like_the_first = np.abs(lines - lines[:, :1, :1]).max(axis=(2, 3)) <= 2 * levels
    plain = np.ptp(lines, axis=2).max(axis=2) <= 2 * levels  # (n, lines, x, 3) -> (n, lines)
    width = np.cumprod(plain & like_the_first, axis=1).sum(axis=1)
    # the line where border and picture mix is neither: it goes too
    return np.where((width == 0) | (width > MAX_BORDER_PX), 0, width + 1)


def _whole_frames(sides: list[Images], widths: NDArray[np.int64]) -> NDArray[np.int64]:
    """With one border found, the others are looked for less strictly: a thin one mixes with the picture."""
    outermost = np.stack([side[:, 0].mean(axis=1) for side in sides])  # (4, n, 3)
    colour = np.take_along_axis(outermost, widths.argmax(axis=0)[None, :, None], axis=0)
    is_alike = np.abs(outermost - colour).max(axis=2) <= MIXED_LEVELS
    mixed = np.stack([_border_px(side, levels=MIXED_LEVELS) for side in sides])
    return np.where((widths == 0) & is_alike, mixed, widths)


def hash_pairs(hashes: NDArray[np.uint64], *, max_distance: int) -> Pairs:
    """All pairs of hashes at most `max_distance` bits apart, of which it misses none up to a distance of 5.

    The hash is cut into three blocks of 21 bits. Two hashes at most 5 bits apart differ by at most one bit
    in one of the blocks, so looking up each block and its 21 one-bit neighbours misses none (multi-index
    hashing: Norouzi, Punjani & Fleet 2012). Equal hashes are joined to the first of them only, lest a
    thousand blank images make half a million pairs.
    """
    unique, first, inverse = np.unique(hashes, return_index=True, return_inverse=True)
    codes = unique.astype(">u8").view(np.uint8).reshape(-1, 8)
    index = faiss.IndexBinaryMultiHash(64, HASH_BLOCKS, BLOCK_BITS)
    index.nflip = BLOCK_FLIPS
    index.add(codes)
    limits, _, near = index.range_search(codes, max_distance + 1)  # faiss: strictly closer than the radius
    of = np.repeat(np.arange(len(unique)), np.diff(limits.astype(np.int64)))
    rows = np.arange(len(hashes))
    return _in_order(np.r_[rows, first[of]], np.r_[first[inverse], first[near]], is_mirrored=False)


def neighbour_pairs(
    images: Images, describe: Callable[[Images], Rows], *, n_neighbours: int, seed: int
) -> Pairs:
    """Each image with its nearest neighbours by what describes them, as it is and mirrored."""
    n = len(images)
    if n < 2:
        return np.empty((0, 3), dtype=np.int64)
    raw = _in_blocks(describe, images)
    projection = _principal_axes(raw, seed=seed)
    points = _unit_length(raw @ projection)
    index = _index_of(points, seed=seed)
    n_found = min(n_neighbours + 1, n)  # an image finds itself first
    found = [_neighbours(index, points, n_found, is_mirrored=False)]
    mirrored = _unit_length(_in_blocks(describe, images[:, :, ::-1]) @ projection)
    found.append(_neighbours(index, mirrored, n_found, is_mirrored=True))
    return np.unique(np.concatenate(found), axis=0)


def _in_blocks(describe: Callable[[Images], Rows], images: Images) -> Rows:
    return np.concatenate([describe(images[i : i + BLOCK]) for i in range(0, len(images), BLOCK)])


def descriptors(images: Images) -> NDArray[np.float32]:
    """Where the edges of each direction lie, and the coarse layout of brightness and colour; (n, 224).

    Rectified derivatives in eight directions, pooled under overlapping Gaussian windows, as in DAISY (Tola,
    Lepetit & Fua 2010): a shift of a few pixels changes them little. Each half has length one.
    """
    colours = images.astype(np.float32)
    luma = colours @ LUMA
    smooth, slope = gaussian_operator(0.8), gaussian_operator(0.8, order=1)
    across, down = smooth @ luma @ slope.T, slope @ luma @ smooth.T
    windows = _windows()
    edges = []
    for angle in np.arange(DIRECTIONS) * 2 * np.pi / DIRECTIONS:
        directed = np.maximum(np.float32(np.cos(angle)) * across + np.float32(np.sin(angle)) * down, 0)
        edges.append((windows @ directed @ windows.T).reshape(len(images), -1))
    structure = _unit_length(np.sqrt(np.concatenate(edges, axis=1)))
    layout = _cell_means(luma, 8)
    chroma = [_cell_means(colours[..., channel] - luma, 4) for channel in (0, 2)]
    colour = _unit_length(np.concatenate([layout - layout.mean(axis=1, keepdims=True), *chroma], axis=1))
    return np.concatenate([structure, COLOUR_WEIGHT * colour], axis=1)


def spectra(images: Images) -> Rows:
    """Square roots of the lowest amplitudes of the structure's Fourier transform, of length one; (n, 144).

    A shift turns the phases and leaves the amplitudes, but for what moves in at the edges, which are faded.
    """
    n_px = LOWEST_FREQUENCIES
    structure = structure_of(images)
    structure -= structure.mean(axis=(1, 2), keepdims=True)
    amplitudes = np.abs(fft.rfft2(structure * _FADE))[:, :, : n_px + 1]  # (n, 32, 17) -> (n, 32, 9)
    lowest = np.concatenate([amplitudes[:, :n_px], amplitudes[:, -n_px:]], axis=1)
    return np.sqrt(_unit_length(lowest.reshape(len(images), -1)))


_FADE = np.sqrt(np.outer(np.hanning(SIDE_PX + 2)[1:-1], np.hanning(SIDE_PX + 2)[1:-1])).astype(np.float32)


def structure_of(images: Images) -> Planes:
    """Brightness between two scales: neither slow shading nor the noise of single pixels; (n, 32, 32)."""
    fine, coarse = gaussian_operator(FINE_PX), gaussian_operator(COARSE_PX)
    structure = np.empty(images.shape[:3], dtype=np.float32)
    for start in range(0, len(images), BLOCK):
        luma = images[start : start + BLOCK].astype(np.float32) @ LUMA
        structure[start : start + BLOCK] = fine @ luma @ fine.T - coarse @ luma @ coarse.T
    return structure


def gaussian_operator(sigma_px: float, *, order: int = 0) -> NDArray[np.float32]:
    """The (32, 32) matrix that smooths a column of pixels, or with `order` 1 takes its derivative."""
    return gaussian_filter1d(np.eye(SIDE_PX, dtype=np.float32), sigma_px, axis=0, order=order)


def _windows() -> NDArray[np.float32]:
    cell_px = SIDE_PX / CELLS
    centres = (np.arange(CELLS) + 0.5) * cell_px - 0.5
    distances = np.arange(SIDE_PX) - centres[:, None]
    return np.exp(-0.5 * (distances / (0.6 * cell_px)) ** 2).astype(np.float32)


def _cell_means(plane: NDArray[np.float32], cells: int) -> NDArray[np.float32]:
    px = SIDE_PX // cells  # (n, 32, 32) -> (n, cells, px, cells, px) -> (n, cells * cells)
    return plane.reshape(len(plane), cells, px, cells, px).mean(axis=(2, 4)).reshape(len(plane), -1)


def _unit_length(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-6)


def _principal_axes(rows: NDArray[np.float32], *, seed: int) -> NDArray[np.float32]:
    """Projection on the leading principal axes, the strong ones damped: what many share says little."""
    sample = rows[np.random.default_rng(seed).permutation(len(rows))[:SAMPLED_IMAGES]]
    variances, axes = np.linalg.eigh(np.cov(sample, rowvar=False))
    leading = np.flatnonzero(variances > 1e-6 * max(variances[-1], 1e-12))[::-1][:DESCRIPTOR_LENGTH]
    return (axes[:, leading] * variances[leading] ** -0.25).astype(np.float32)


def _index_of(points: NDArray[np.float32], *, seed: int) -> faiss.Index:
    """All points where that takes seconds; else by cells, of which a search visits the nearest few."""
    length = points.shape[1]
    index: faiss.Index = faiss.IndexFlatIP(length)
    if len(points) > EXHAUSTIVE_IMAGES:
        n_cells = min(int(4 * np.sqrt(len(points))), len(points) // POINTS_A_CELL)
        index = faiss.IndexIVFFlat(index, length, n_cells, faiss.METRIC_INNER_PRODUCT)
        index.cp.seed = seed
        index.nprobe = max(16, n_cells // 24)
        index.train(points)
    index.add(points)
    return index


def _neighbours(
    index: faiss.Index, queries: NDArray[np.float32], n_found: int, *, is_mirrored: bool
) -> Pairs:
    _, near = index.search(queries, n_found)
    of = np.repeat(np.arange(len(queries)), n_found)
    found = near.ravel() >= 0  # a search by cells may return fewer
    return _in_order(of[found], near.ravel()[found], is_mirrored=is_mirrored)


def _in_order(one: NDArray, other: NDArray, *, is_mirrored: bool) -> Pairs:
    pairs = np.stack([np.minimum(one, other), np.maximum(one, other), np.full(len(one), is_mirrored)], axis=1)
    return np.unique(pairs[one != other].astype(np.int64), axis=0)
