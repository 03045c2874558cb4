"""What does the classifier make of images that are attacked, filtered or covered in part?

Method: images of the judged split, the same number of each class, are changed until the classifier is wrong:
by random noise, by one step up the loss (FGSM, Goodfellow et al. 2015) and by many (PGD, Madry et al. 2018,
from the image and from random points, up the cross-entropy and the margin by turns), within ε of the image.
The smallest perturbation found of each is kept, shrunk by bisection. A weak attack makes any classifier look
robust, so that the attacks are checked themselves (Carlini et al. 2019, Athalye et al. 2018). The images are
also filtered, below and above cut-off frequencies, waves are added to them (Yin et al. 2019), and patches of
them are covered (Zeiler and Fergus 2014). What all this says is judged in `robustness_deepdive`.

How the result misleads: a stronger attack may break more. Sharp filters leave ringing, and filtered pictures
are like nothing in training.
"""
