"""What the folders of a dataset hold and mean: a walk through them, links, masks, classes and splits."""
