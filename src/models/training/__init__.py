"""From images and a network to a trained classifier."""
