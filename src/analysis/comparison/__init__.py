"""What a change did, and whether it is more than luck: two states of an audit beside one another.

A state is a commit or a folder. What its stages wrote is read (from git, DVC's cache or the folder), and
nothing is run. Images are paired by their content, wherever they lie and in whatever order.

How it misleads: both classifiers are judged on the same images, so that an interval says how far the
difference would move on other images, and nothing of how far it would move with another seed of training.
"""
