"""Where does each image lie among all others, by what it shows and by its pixels?

Method: each image is a point in two spaces: its embedding, and the first principal components of its
thumbnail's pixels, of which parallel analysis (Horn 1965, by permutation after Buja and Eyuboglu 1992) says
how many are more than chance. The k nearest neighbours of each image are found exactly. Maps are made by
t-SNE (van der Maaten and Hinton 2008) with openTSNE from the same neighbours; of more than
`max_fitted_images`, the others are placed by their nearest fitted ones. `latent_structure` judges from these
distances and maps, and searches nothing.

How the result misleads: t-SNE keeps neighbours, not distances. Gaps, the sizes of islands and the order in
which they lie mean little, and clusters can appear in noise.
"""
