"""Which images lie near one another, are they of one class, and which lie apart from all?

Method: `latent_layout` finds each image's nearest neighbours and its place on a map, by embeddings and by
pixels. From the neighbours come label purity (how many bear an image's label, with Wilson intervals per
class) and outliers: images farther from their neighbours than chance allows after Bonferroni's correction,
and by the local outlier factor (Breunig et al. 2000) farther than those are from theirs.

How the result misleads: t-SNE keeps neighbours, not distances. Gaps, the sizes of islands and the order in
which they lie mean little, and clusters can appear in noise: read purity in the space, not on the map, and
see in the table of trust how many neighbours the map keeps. Pixels see background, pose and brightness first.
Noise, or a drawing among photographs, may have near neighbours in both spaces and so is no outlier here; nor
are several strangers of one kind, which are neighbours of one another (benchmarks/README.md).
"""
