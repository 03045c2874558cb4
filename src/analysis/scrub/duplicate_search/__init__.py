"""Which images may be copies of one another?

Exact copies share their file's content or, opened, every pixel. Near copies are first looked for by
perceptual hash and by a descriptor of edges and colours (`candidates`), then verified: the two images are
aligned (shift, scale, rotation, mirroring), and get a score in [0, 1] for how much more they agree than
images of this dataset do by chance (`verification`). Every pair that scores 0.1 or more is kept;
`duplicates` says from which score on a pair is a copy, and searches no more. What was done to a copy is named
as far as the alignment measured it (`changes`); that it was only saved again as JPEG, where the files' own
tables show it (`recompression`).

How it misleads: everything is seen at 32 × 32 pixels, so two frames of a film, two prints of one product
photograph or two scans of one form can pass for copies, and copies that differ in small print do. Of pictures
with hardly any structure (an empty sky) and of images of less than 16 pixels a side only exact copies are
found. A picture within a picture, a crop to less than half or a turn by 90° is not found.
"""
