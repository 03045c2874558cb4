"""Maps: every image's place in the plane by t-SNE, and its nearest neighbours in the space that is mapped."""

from __future__ import annotations

import numpy as np
from openTSNE import TSNEEmbedding, initialization
from openTSNE.affinity import PerplexityBasedNN
from openTSNE.nearest_neighbors import PrecomputedNeighbors
from sklearn.manifold import trustworthiness

from analysis.explore.latent_layout.neighbours import distance_correlation, find_neighbours, kept_fraction
from analysis.explore.layouts import Layout
from analysis.progress import progress

EARLY_ITERATIONS, EARLY_EXAGGERATION, ITERATIONS, MOMENTUM = 250, 12, 500, 0.8  # openTSNE's own
ITERATIONS_A_STEP = 50  # of the progress bar
NEIGHBOURS_A_PLACE = 5  # an image that was not fitted is placed at the median of so many
TRUST_IMAGES = 3_000  # trustworthiness compares all pairs of a sample


def lay_out(
    features: np.ndarray,
    *,
    perplexity: float,
    n_neighbours: int,
    max_fitted_images: int,
    seed: int,
    name: str,
) -> Layout:
    """Map (n, d) features by t-SNE (van der Maaten and Hinton 2008) from its principal components.

    Of more than `max_fitted_images`, a random sample is fitted; the others are placed by it.
    """
    n = len(features)
    rng = np.random.default_rng(seed)
    fitted = np.sort(rng.choice(n, min(n, max_fitted_images), replace=False))
    rest = np.setdiff1d(np.arange(n), fitted)
    n_affine = min(len(fitted) - 1, max(n_neighbours, round(3 * perplexity)))
    k = min(n_neighbours, n_affine)
    own_places = np.arange(len(fitted))
    distances, places = find_neighbours(features[fitted], features[fitted], n_affine, own_places=own_places)
    positions = np.empty((n, 2), np.float32)
    positions[fitted] = fit_tsne(
        features[fitted], distances, places, perplexity=perplexity, seed=seed, name=name
    )
    rest_distances, rest_places = find_neighbours(features[fitted], features[rest], k)
    nearest = rest_places[:, :NEIGHBOURS_A_PLACE]
    positions[rest] = np.median(positions[fitted][nearest], axis=1)  # (rest, 5, 2) -> (rest, 2)

    every_own = np.full(n, -1)
    every_own[fitted] = own_places
    _, map_places = find_neighbours(positions[fitted], positions, k, own_places=every_own)
    order = np.argsort(np.r_[fitted, rest])
    return Layout(
        positions=positions,
        is_fitted=every_own >= 0,
        distances=np.r_[distances[:, :k], rest_distances][order],
        neighbours=fitted[np.r_[places[:, :k], rest_places][order]],
        map_neighbours=fitted[map_places],
    )


def fit_tsne(
    features: np.ndarray,
    distances: np.ndarray,
    neighbours: np.ndarray,
    *,
    perplexity: float,
    seed: int,
    name: str,
) -> np.ndarray:
    """(n, 2) positions of (n, d) features, by openTSNE (Poličar et al. 2024).

    Their (n, k) nearest neighbours are given, so that no approximate index, whose trees depend on threads,
    comes in. Forces are summed by Barnes and Hut's tree below 10,000 images, and by FFT (Linderman et al.
    2019) from there on.
    """
    effective = min(perplexity, distances.shape[1] / 3)
    affinities = PerplexityBasedNN(
        perplexity=effective, knn_index=PrecomputedNeighbors(neighbours, distances.astype(float))
    )
    start = initialization.pca(features, random_state=np.random.RandomState(seed))
    embedding = TSNEEmbedding(start, affinities, learning_rate="auto", random_state=seed)
    total = EARLY_ITERATIONS + ITERATIONS
    with progress(description=f"t-SNE of {name}", unit="iterations", total=total) as bar:

        def advance(*_: object) -> None:
            bar.update(ITERATIONS_A_STEP)

        options = {"callbacks": advance, "callbacks_every_iters": ITERATIONS_A_STEP, "momentum": MOMENTUM}
        embedding = embedding.optimize(EARLY_ITERATIONS, exaggeration=EARLY_EXAGGERATION, **options)
        embedding = embedding.optimize(ITERATIONS, **options)
    return np.asarray(embedding, dtype=np.float32)


def map_quality(features: np.ndarray, layout: Layout, *, seed: int) -> dict[str, float]:
    """How far the map says what the space says.

    Returns
    -------
    dict
        `trustworthiness` (Venna and Kaski 2001): 1 where no stranger became a neighbour, about 0.5 by
        chance; on a sample of `n_sampled` images. `neighbours_kept_fraction` of all images; by chance it is
        k / n. `distance_correlation`: Spearman's, over random pairs.
    """
    n, k = layout.neighbours.shape
    sample = np.random.default_rng(seed).choice(n, min(n, TRUST_IMAGES), replace=False)
    n_near = min(k, (len(sample) - 1) // 2)  # sklearn's bound
    return {
        "n_items": n,
        "n_fitted": int(layout.is_fitted.sum()),
        "trustworthiness": float(
            trustworthiness(features[sample], layout.positions[sample], n_neighbors=n_near)
        ),
        "n_sampled": len(sample),
        "neighbours_kept_fraction": float(kept_fraction(layout.neighbours, layout.map_neighbours).mean()),
        "distance_correlation": distance_correlation(features, layout.positions, seed=seed),
    }
