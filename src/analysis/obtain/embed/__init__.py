"""Which images are alike, by what they show rather than by their pixels?

Method: every image becomes a vector of length 1, made without labels, so that images that show like things
point in like directions. By default a network trained on ImageNet (`efficientnet_lite0`, Tan and Le 2019,
whose weights are installed) describes them at six depths, from textures to objects; each depth counts alike,
and principal components, whitened in part, keep what varies in this dataset. `patches` learns features from
the dataset's own thumbnails by k-means on whitened patches (Coates, Lee and Ng 2011; see `patch_features`).

How the result misleads: a network is blind to what ImageNet does not tell apart; where images are no
photographs, hold it against `patches` (table `features`). `patches` sees textures, edges and colours in the
four quarters of a 32×32 thumbnail: backgrounds count as much as objects. The components of all splits are
learnt together: a test image has had a part, if a small one and without its label, in its own description. In
the table `features`, copies of an image are not kept apart, which flatters all features alike.
"""
