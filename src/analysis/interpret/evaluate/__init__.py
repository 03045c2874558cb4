"""How good is the baseline, on which classes is it not, and what does it confuse?

Method: the predictions of the labelled images of the test split (else of validation, else of training) are
judged. Shares (accuracy, recall) have Wilson intervals (1927). AUROC and average precision rank the images by
the probability of one class, against the rest. Calibration: the expected calibration error in bins of equal
width and of equally many images, Brier score and log loss, each beside what labels drawn as likely as the
probabilities say would give, and with the temperature (Guo et al. 2017) that fits the validation images. The
accuracy is then given without images that are also in training, and between the bounds that doubted labels
leave open. Groups of classes (evaluate.class_groups) are compared in two ways: exchanging images, and
exchanging whole classes. The network is compared with the linear probe on the same images (Newcombe 1998;
McNemar 1947). All intervals are of 95%; those of differences are of the same images (bootstrap).

How the result misleads: intervals hold for new images from the same source, taken as independent, and not for
another source; nor do they hold what another training would have given. Labels are taken for the truth unless
they are doubted, and wrong labels that nobody doubts are in every number. Copies are left out as far as Scrub
found them, also of training images that a training on a sample never met, and what is left may be easier or
harder for other reasons. ECE depends on its bins and is above 0 by chance, most of all with few images: read
it beside what a calibrated classifier would show. A temperature fitted on validation images that are copies
of training images is too low. With AUROC, a rare class among many looks better than it is to find: see its
average precision, whose chance level is the class's share. An interval without width, where no image is
ranked wrongly, says that there are too few images to be wrong on. Groups thought of after the result was seen
prove nothing.
"""
