"""Which images lie near one another, are they of one class, and which lie apart from all?

Method: each image is a point in two spaces: its embedding, and the first principal components of its
thumbnail's pixels, of which parallel analysis (Horn 1965, by permutation after Buja and Eyuboglu 1992) says
how many are more than chance. The k nearest neighbours of each image, found exactly, give label purity (how
many bear its label, with Wilson intervals per class) and outliers: images farther from their neighbours than
chance allows after Bonferroni's correction, and by the local outlier factor (Breunig et al. 2000) farther
than those are from theirs. Maps are made by t-SNE (van der Maaten and Hinton 2008) with openTSNE from the
same neighbours; of more than `max_fitted_images`, the others are placed by their nearest fitted ones.

How the result misleads: t-SNE keeps neighbours, not distances. Gaps, the sizes of islands and the order in
which they lie mean little, and clusters can appear in noise: read purity in the space, not on the map, and
see in the table of trust how many neighbours the map keeps. Pixels see background, pose and brightness first.
Noise, or a drawing among photographs, may have near neighbours in both spaces and so is no outlier here.
"""
