"""How far can the checks be trusted on this dataset?

Known faults are planted in a sample of the dataset's own images: copies under the changes that `faults`
names, copies across splits, blur, motion, blanks, darkness, overexposure, truncation, flipped labels. The
very same checks then run over sample and planted faults together, with their own parameters of `params.yaml`.
Recall is the share of the planted faults that a check found; precision is the share of what it reported about
planted and untouched images that was planted. Intervals are Wilson's, of 95%.

For each check whose parameter is a value that it measures, `thresholds` says which would give the wanted
false-positive rate (`self_test.target_false_positive_rate`), and how much would be found with it.

How it misleads: planted faults are cleaner than those of life, so recall is nearer to the best than to the
usual. Untouched images have faults of their own, which count as false positives here: precision is a lower
bound, and the threshold errs to the careful side. As many faults are planted as `self_test.n_planted` says,
not as many as occur: in use precision falls as faults get rarer. Of spoilt pictures, one to twenty untouched
images are planted at a time, as what is usual is part of their checks. Copies are looked for among
`self_test.n_images`; among more images there are more look-alikes.
"""
