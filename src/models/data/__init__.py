"""Images as tensors: decoded, kept, in batches, checked."""
