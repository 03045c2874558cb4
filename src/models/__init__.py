"""The torch library: images as tensors, networks, losses, augmentation, training. It knows no stage.

Every chapter may use it; of `analysis` it uses the contract, `dataset`, `statistics`, `cores` and `progress`.
"""

import analysis  # noqa: F401  sets the threads, which torch reads as it is imported
