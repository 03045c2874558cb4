"""How training images are changed at random; used by training, and by the figures that show it."""
