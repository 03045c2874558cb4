"""Under which conditions does the classifier break, and for which classes first?

Method: what the classifier said of the same images, clean and corrupted in fourteen ways at five severities
(`corruption_trials`), is compared image by image.

Their mean corruption error divides by the errors that AlexNet makes on the same images, which do not exist
for another dataset. Here the mean corruption error is the plain mean of the error over corruptions and
severities, the relative one that above the clean error, and skill lost the latter over all there was to lose:
accuracy above guessing. Errors of a trivial classifier as divisor were left aside: what hardly works on clean
images loses next to nothing, and a quotient by that says nothing.

Accuracies have Wilson's (1927) intervals; what severity 1 costs is a difference of paired proportions with
Tango's (1998) interval and test, corrected for the corruptions by Holm (1979); means over conditions have
Student's intervals over the images. Classes are compared with the other images by Mann and Whitney's test of
what each image loses, corrected for the classes.

How the result misleads: severities are no measure of harm, so corruptions compare at one severity only as far
as PSNR and SSIM agree, and these know nothing of meaning: a shift changes nearly every pixel and leaves the
picture what it is. A class that is hardly recognised clean has little to lose and looks robust, and so does
one for which everything is taken that cannot be read. Intervals hold for new images of the same source;
conditions in use are neither these nor alone. Nothing was tuned on what is seen here, and nothing should be:
trained on a corruption, a network passes that one and few others.
"""
