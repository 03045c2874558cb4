"""How bright, contrasty, varied and sharp are the images of each class and split?

Method: everything comes from the measures of the scan, so that no image is decoded again but the extreme ones
shown. The normalisation weighs each training image equally, whatever its size, because training resizes all
to one size. Classes are compared by the Kruskal-Wallis test with eta squared (Tomczak and Tomczak 2014), each
class against the others and training against the other splits by Cliff's delta with the Mann-Whitney test,
corrected for the number of tests (Holm 1979). The AUROC of a single measure as a classifier of one class
says how far a model would get by that shortcut (Geirhos et al. 2020).

How the result misleads: a class may differ because of its subject (ships lie on bright water) rather than
because of how it was collected; a measure that is unusual on both sides (very dark or very bright) has an
AUROC near 0.5; and measures on whole images see nothing of a watermark in a corner: look at the mean images.
"""
