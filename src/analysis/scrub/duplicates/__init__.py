"""Which images are copies of one another, and which of them leak from training into the test?

Of the pairs that `duplicate_search` has found and scored, those from `duplicates.min_score` on are taken for
copies: another threshold searches nothing again. A test image with a copy in training measures memory, not
skill: Barz & Denzler (2020) found 3% of such in CIFAR-10 and 10% in CIFAR-100.

How it misleads: what the search confuses or overlooks (see there) is confused or overlooked here. Near copies
with different labels are reported only if they are surely copies.
"""
