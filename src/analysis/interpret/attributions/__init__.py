"""Which pixels do decisions rest on, and what are the maps worth that say so?

Method: Grad-CAM (Selvaraju et al. 2017; guided Grad-CAM and integrated gradients on request, all by captum)
of right and wrong predictions of each class, for the class that was predicted. Two questions are asked of the
maps. Do they name pixels that matter: does the class's probability fall sooner when these are blurred, or
rise sooner when they are made sharp, than in random order (Petsiuk et al. 2018)? Do they show what was
learnt: do they change when weights are made random, from the output down (Adebayo et al. 2018)? Networks all
of whose weights are random, with batch statistics of their own, are asked for their maps of the same images,
for the class that they predict: with a random head no class of theirs is one of ours. What all this says of
the classifier is judged in `gradcam`.

How the result misleads: a map says where, not what: a network that looks at the object may still judge by its
texture or colour. Grad-CAM follows a class's score, which need not rise with what tells the class apart: a
mark may work by lowering the other scores, and is missed then. An early layer has finer maps but less of the
decision.
"""
