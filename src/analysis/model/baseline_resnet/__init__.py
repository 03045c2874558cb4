"""What does a ResNet reach on this dataset, trained by a sound and plain recipe?

Method: a ResNet of torchvision's (He et al. 2016) on whole images squeezed to a square, shifted at random and
mirrored where `geometric` finds that safe; AdamW with one cycle of the learning rate (Smith and Topin 2018).
With pretrained weights a new head is trained first, on a frozen backbone, then the last stages with it, the
earlier the slower (Howard and Ruder 2018). The epoch with the best macro-F1 on validation is kept; training
stops when that has not improved for a while. A checkpoint from elsewhere is taken as it is, untrained.

How the result misleads: it is a floor, not a verdict. A low score may be the dataset's fault or the recipe's,
with its few epochs, small images and random weights. The validation score is a little too good, because
validation chose the epoch; `evaluate` judges on test. Another machine or device rounds sums in another order,
which training makes into a slightly different network.
"""
