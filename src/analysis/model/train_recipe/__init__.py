"""How does one recipe do with one seed?

Method: `baseline_resnet`'s training with the recipe's changes; the seed draws the weights, the sample of
training images and their order. Validation and test are predicted with the weights that validation chose.
FLOPs are those of one image's forward pass, a multiplication and an addition counted as two; torch counts
convolutions and matrix products, which are nearly all.

How the result misleads: see `compare_models`. The time is of one training on this machine, with whatever else
ran on it, and of what was left of it if it was resumed.
"""
