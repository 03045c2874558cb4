"""What do the images of each class measure in colour, contrast, edges and texture?

Method: a sample, the same number of images of each class, is opened and measured by features made by hand:
contrast and edges over a Gaussian pyramid, colour in CIELAB, local binary patterns (Ojala et al. 2002),
grey-level co-occurrence (Haralick et al. 1973). `feature_exploration` compares the classes by them, and opens
no image.

How the result misleads: pictures are shrunk to 128 pixels before they are measured, and none is enlarged, so
that fine texture does not compare between images of different sizes.
"""
