"""Which images lie near one another, are they of one class, and which lie apart from all?

Method: `latent_layout` finds each image's nearest neighbours and its place on a map, by embeddings and by
pixels. From the neighbours come label purity (how many bear an image's label, with Wilson intervals per
class) and outliers: images whose embedding is less similar to its neighbourhood than chance allows after
Bonferroni's correction.

How the result misleads: t-SNE keeps neighbours, not distances. Gaps, the sizes of islands and the order in
which they lie mean little, and clusters can appear in noise: read purity in the space, not on the map, and
see in the table of trust how many neighbours the map keeps. Pixels see background, pose and brightness first.
As many strangers of one kind as a neighbourhood holds are neighbours of one another and no outliers here, nor
is what the embeddings cannot tell from the rest (benchmarks/README.md).
"""
