"""Do train, validation and test come from one distribution?

Method: each pair of splits is compared feature by feature (the scan's measures, bytes a pixel, principal
components of the thumbnails) by Kolmogorov-Smirnov, the Wasserstein distance and the population stability
index; and by all features together: a classifier two-sample test (Lopez-Paz and Oquab 2017), whose model is
cross-validated and trained anew for each permutation, maximum mean discrepancy (Gretton et al. 2012), and the
share of images that lie further from training than 99% of held-out training images, by the distance to the
fifth nearest neighbour (Sun et al. 2022). Every test is made twice: at all, and within classes (membership
permuted within classes only, or classes weighted alike), so that other shares of the classes are told from
other images of a class. All tests of one question are corrected together (Holm 1979 within a method,
Bonferroni across methods), and a difference is flagged only where it also matters.

How the result misleads: the tests take images to be independent. Where frames of one video, pictures by one
writer or shots of one session lie on one side, a random split of sessions differs from training significantly
though nobody erred; where they are spread over both sides, the splits agree better than chance and new
sessions will be harder than test says. Near-duplicates do the same in small. Agreement means agreement in
these features: colours, texture and coarse shapes, not meaning. Shifts in opposite directions of two classes
can cancel in a single feature.
"""
