"""How training images are changed at random."""
