"""Which images are odd?

Compares each image with `all others`:

- by size,
- by shape & colour.

How it misleads: what is odd <here> may be usual elsewhere.
"""
