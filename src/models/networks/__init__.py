"""Networks: built, loaded, saved. They know neither data nor training."""
