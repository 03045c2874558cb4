"""Does a network that sees the hard images more often recognise more, and of which classes?

Method: with `retrain`, a network is trained again from the same start, to which the images hard in training
and those nearest to the boundaries of the confused pairs are shown more often, but for those with a doubted
label (see `hard_examples`); it is held against a control that sees as many more images drawn at random. Both
are compared on the same held-out images (Newcombe's interval of 1998, McNemar's test).

How the result misleads: a second training is one training: another seed may turn the sign of a small gain,
whatever its interval over images says. Wrong labels are hard, too: relabel them first, as training on them
more often teaches errors. Validation chose the pairs and the epochs: believe test.
"""
