"""Which images are alike, by what they show rather than by their pixels?

Method: every image becomes a vector of length 1, made without labels, so that images that show like things
point in like directions. By default (`patches`) the features are learnt from this dataset's own thumbnails by
k-means on whitened patches (Coates, Lee and Ng 2011; see `patch_features`) and reduced by principal
components; they need neither a network nor an hour. Where ImageNet weights can be had, a ResNet's penultimate
layer (He et al. 2016) describes photographs better.

How the result misleads: `patches` sees textures, edges and colours in the four quarters of a 32×32 thumbnail,
so backgrounds count as much as objects, and an object moved to another quarter looks new. The features of
all splits are learnt together: a test image has had a part, if a small one and without its label, in its own
description. ImageNet's features are blind to what ImageNet does not tell apart: handwriting, X-rays, defects.
"""
