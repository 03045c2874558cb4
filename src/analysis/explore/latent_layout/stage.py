from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.contract import Artifacts
from analysis.explore.latent_layout.components import fit_pixels
from analysis.explore.latent_layout.layout import map_quality
from analysis.explore.latent_layout.parameters import LatentLayoutParameters
from analysis.explore.latent_layout.spaces import decoded_rows, lay_out_spaces, make_spaces
from analysis.explore.layouts import MIN_IMAGES, tabulate_layouts
from analysis.explore.pixel_components import tabulate_pixels


def latent_layout(
    scan: pd.DataFrame,
    thumbnails: np.ndarray,
    embeddings: np.ndarray,
    *,
    parameters: LatentLayoutParameters,
    seed: int,
) -> Artifacts:
    """Find components, neighbours and maps in the space of embeddings and in that of thumbnails.

    Parameters
    ----------
    thumbnails
        (n, 32, 32, 3) uint8, row by row the images of scan; read in parts.
    embeddings
        (n, d), NaN where the image was not decoded.
    """
    decoded = decoded_rows(scan)
    pixels = None
    if len(decoded) >= MIN_IMAGES:
        pixels = fit_pixels(
            thumbnails,
            scan,
            decoded,
            max_images=parameters.max_component_images,
            n_components=parameters.n_components,
            n_permutations=parameters.n_permutations,
            seed=seed,
        )
    spaces = make_spaces(scan, thumbnails, embeddings, pixels)
    layouts = lay_out_spaces(
        spaces,
        n_neighbours=parameters.n_neighbours,
        perplexity=parameters.perplexity,
        max_fitted_images=parameters.max_fitted_images,
        seed=seed,
    )
    placed = list(zip(spaces, layouts, strict=True))
    quality = [
        {"space": space.name, **map_quality(space.features, layout, seed=seed)} for space, layout in placed
    ]
    return Artifacts(
        summary=f"{len(decoded):,} images laid out in {len(spaces)} spaces",
        metrics={"n_items": len(decoded), "n_spaces": len(spaces)},
        tables={
            "layouts": tabulate_layouts({space.name: (space.rows, layout) for space, layout in placed}),
            "map_quality": pd.DataFrame(quality),
            "pixels": tabulate_pixels(pixels),
        },
    )
