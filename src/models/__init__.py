"""The torch library: images as tensors, networks, losses, augmentation, training. It knows no stage."""

import analysis  # noqa: F401  sets the threads, which torch reads as it is imported
