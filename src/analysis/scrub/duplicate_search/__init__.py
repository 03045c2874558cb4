"""Which images may be copies of one another?

Exact copies share their file's content or, opened, every pixel. Near copies are first looked for by
perceptual hash and by a descriptor of edges and colours (`candidates`). The most alike are aligned as
thumbnails: shift, scale, rotation, mirroring (`first_look`); and the most alike of these are opened and
compared in their detail, at their own resolution (`detail`). What such agreement is worth depends on the
dataset: the score is the probability that a pair is a copy, measured by copies planted here and by the
dataset's own look-alikes (`planting`, `yardstick`). Every pair that scores 0.1 or more is kept; `duplicates`
says from which score on a pair is a copy, and searches no more. What was done to a copy is named as far as
the alignment measured it (`changes`); that it was only saved again as JPEG, where the files' own tables show
it (`recompression`).

How it misleads: two pictures whose detail is the same by making (one form, one pattern, plain masks) cannot
be told from copies, and where a dataset consists of such, hardly any near copy is reported; a note says so.
Of pictures with hardly any structure (an empty sky) and of images of less than 16 pixels a side only exact
copies are found. A picture within a picture, a crop to less than half or a turn by 90° is not found.
"""
