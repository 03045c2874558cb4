"""What does each image measure, and can it be read at all?

Every file is decoded once, as a person sees it (`analysis.dataset.images`), and everything that later stages
ask of an image is measured then (`measures`). A file whose content the last run measured, with the same
code, is not decoded again: its row is taken over, found by its content hash. Pictures of more than 8 bits
share one range of values, which is found on the way (`analysis.dataset.value_range`); those that were
decoded by a narrower one, before a brighter picture came, or in the last run, are decoded again at the end.

Nothing here judges an image; `quality_checks` does. Damage that a decoder does not notice, such as changed
bytes within a JPEG's pixels, is measured as if it were the picture, but for the grey end of one that broke
off (`cut_short`). Of a file of several pages the first is the picture. When a file was last changed is left
out of what is known of it: unpacking or cloning a dataset sets it anew, and the same data must give the same
results.
"""
