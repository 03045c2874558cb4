"""What does each image measure, and can it be read at all?

Every file is decoded once, as a person sees it (`analysis.dataset.images`), and everything that later stages
ask of an image is measured then (`measures`). A file whose content the last run measured, with the same code,
is not decoded again: its row is taken over, found by its content hash.

Nothing here judges an image; `quality_checks` does. Damage that a decoder does not notice, such as changed
bytes within a JPEG's pixels, is measured as if it were the picture.
"""
