"""Which parts of a picture do the classifier's decisions rest on, and are they the object?

Method: the maps of right and wrong predictions (`attributions`) are looked at, and what the eye would say is
counted: the share of the attribution on the border, a ring along the edge, and, where masks of the objects
are given, outside of them; its enrichment is that share over the area's. Networks all of whose weights are
random are the null for the shares: a class is flagged if its share is surely higher than in every one of them
on the same images (one-sided sign-flip tests of the paired differences, the largest p-value over the
networks, corrected over classes by Holm 1979) and above the highest by a margin, provided that the maps do
name pixels that matter: that deletion or insertion (Petsiuk et al. 2018) is surely better by the map than in
random order. The first method named gives the shares that are tested.

How the result misleads: a map says where, not what: a network that looks at the object may still judge by its
texture or colour. Objects that fill the picture, or stand at its edge, put attribution on the border rightly;
masks tell. A mark in the middle is not seen by these numbers, only by eye. Grad-CAM follows a class's score,
which need not rise with what tells the class apart: a mark may work by lowering the other scores, and is
missed then, so nothing flagged is no proof. The test treats images as a sample
and the few random networks as the whole null; the margin stands for the networks not drawn. Coarse maps are
blurred over the border: with four cells a side a mark in the corner puts three quarters on a ring of an
eighth. An early layer has finer maps but less of the decision. What right predictions rest on is judged;
why images of a class are missed may be another matter.
"""
