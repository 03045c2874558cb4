"""Which images are broken, odd or of poor quality?

Some checks answer yes or no (`facts`: missing, truncated, wrong extension, the same path with two labels,
…), others measure by how much (`scores`: dark, bright, blurry, bare, odd in size or shape, rare in mode or
colour). The scan has measured; here every image gets a score in [0, 1] on every check, 1 is surely wrong,
and thresholds flag. Light and detail are judged within a border of one shade, by what can be seen: the
brightest and the darkest part however small, so that letters on white paper, lamps at night and strokes in a
mask count. One shade all over is blank in any dataset. Dark and bright images must be so in themselves and
against what is usual here. Blur is held against what is usual in images of the same kind in this dataset
(`usual`), along the direction in which there is least fine detail, so that motion is found too; of images in
which it could not be told nothing is said, and a note counts them. Findings near their threshold are called
doubtful. Size and shape are held against the range of the middle 90%. The list of checks follows cleanvision
(Cleanlab), whose thresholds are absolute and so flag whole datasets of digits or X-rays.

What is usual is no fault of an image, but may be one of the dataset: where most of it is nearly black, blank
or unreadable, that is a finding of its own, by absolute thresholds.

How it misleads: a flag is a reason to look, not to delete. Night scenes are dark, a shallow depth of field
is blurry, snow is bright. A lesser fault that a whole dataset shares is usual there and not flagged: read
the distributions too. Fine detail does not see blur beneath strong noise, nor in a part of the image. A kind
of softer images that is rarer than one in ten is taken for blurred. A black frame with a stamp of the time in
white is neither black nor blank here. What surrounds a picture askew or in a circle is not taken off.
"""
