"""What does a small network reach on this dataset, trained by a sound and plain recipe?

Method: EfficientNet-Lite0 (Tan and Le 2019) from ImageNet weights that are installed, for tiny images a
ResNet of torchvision's (He et al. 2016) from scratch; whole images squeezed to a square, shifted at random
and mirrored where `geometric` finds that safe; AdamW with one cycle of the learning rate (Smith and Topin
2018). With pretrained weights a new head is trained first, on a frozen backbone, then the last stages with
it, the earlier the slower (Howard and Ruder 2018). Name, hash and size of the weights stand in the metrics.
The epoch with the best macro-F1 on validation is kept; training stops when that has not improved for a while.
A checkpoint from elsewhere is taken as it is, untrained.

How the result misleads: it is a floor, not a verdict. A low score may be the dataset's fault or the recipe's,
with its few epochs and small images. Pretrained weights know photographs: on drawings, spectra or X-rays they
help less, and images that ImageNet holds too are judged too well. The validation score is a little too good,
because validation chose the epoch; `evaluate` judges on test. Another machine or device rounds sums in
another order, which training makes into a slightly different network.
"""
