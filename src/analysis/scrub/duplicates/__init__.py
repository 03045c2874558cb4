"""Which images are copies of one another, and which of them leak from training into the test?

Exact copies share their file's content or, opened, every pixel. Near copies are first looked for by
perceptual hash and by a descriptor of edges and colours (`candidates`), then verified: the two images are
aligned (shift, scale, rotation, mirroring), and get a score in [0, 1] for how much more they agree than
images of this dataset do by chance (`verification`). A test image with a copy in training measures memory,
not skill: Barz & Denzler (2020) found 3% of such in CIFAR-10 and 10% in CIFAR-100.

How it misleads: everything is seen at 32 × 32 pixels, so two frames of a film, two prints of one product
photograph or two scans of one form can pass for copies, and copies that differ in small print do. Pictures
with hardly any structure (an empty sky) and images of less than 16 pixels a side are reported only if they
are exactly the same, near copies with different labels only if they are surely copies. A picture within a
picture, a crop to less than half or a turn by 90° is not found.
"""
