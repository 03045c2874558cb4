"""How little does it take to mislead the classifier, and does it see shapes or fine texture?

Method: images of the judged split, the same number of each class, are changed until the classifier is wrong
(`attack_trials`).
**Attacks** are random noise, one step up the loss (FGSM, Goodfellow et al. 2015) and many (PGD, Madry et al.
2018, from the image and from random points, up the cross-entropy and the margin by turns), within ε of the
image: L∞ bounds the change of each pixel, here in 1/255, L2 its length over all pixels in [0, 1]. ε is
measured in the picture, before normalisation. Robust accuracy is the share of images still right, with 95%
Wilson intervals; the median minimal ε is that of the smallest perturbations found of images rightly
recognised, each shrunk by bisection. A weak attack makes any classifier look robust, so that the attacks are
checked themselves (Carlini et al. 2019, Athalye et al. 2018). **Frequencies** are in cycles per image at the
classifier's input size: power spectra, accuracy on what a low-pass or a high-pass filter leaves, and the
Fourier heat map, the error rate with one wave added (Yin et al. 2019). **Occlusion** covers a patch with the
mean colour and looks how far the predicted class's probability falls (Zeiler and Fergus 2014).

How the result misleads: robust accuracy is an upper bound, as a stronger attack may break more. Almost every
network that was not trained against attacks falls to 0 at changes that nobody sees, so a low one is a fact to
know where somebody might attack, and no finding; noise that an attacker did not choose does far less. An L2
size grows with the side of the picture, so it compares only at one input size. Sharp filters leave ringing,
and filtered pictures are like nothing in training, so accuracy on them says what suffices, not what is used.
Waves are cut off at black and white, which takes half of them from a black background. An occlusion map shows
what one patch does alone: where two parts each suffice, it shows neither.
"""
