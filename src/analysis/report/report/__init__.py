"""What should a person do first?

A static site of everything that the stages found: the findings of all of them on the first page, grouped by
kind, the worst first; a page per chapter, which lists its stages; a page per stage; and one on where the
results come from. A search and keys lead through them. It opens from the file system, asks nothing of a
network, and can be moved and sent as one folder.

The order is by severity, which each stage fixes for each kind of finding, and then by how many images are
concerned; but what may explain most findings of another kind, in the same images or classes, stands above it
and is at least as severe. That two findings meet in an image does not prove that one causes the other. The
order knows nothing of the purpose of the dataset: a finding of low severity may be the one that matters for
yours. A kind that a stage does not look for is not found, and the thresholds in `params.yaml` decide how many
images are flagged, so a longer list is not a worse dataset.
"""
