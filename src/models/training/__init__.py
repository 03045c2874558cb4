"""From images and a network to a trained classifier; `fitting` is where stages come in."""
