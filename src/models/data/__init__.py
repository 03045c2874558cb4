"""Images as tensors: decoded, kept, in batches, checked; for training and for whoever asks a network."""
