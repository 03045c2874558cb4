"""Which recipe trains the better classifier, and is the difference more than luck?

Method: the recipes in `compare_models.compared` change what they say of `baseline_resnet`'s parameters and
are each trained once a seed, as stages of their own (`train_recipe`), all with the same epochs and images.
Choose by the score on validation: the one on test is for the one chosen. Trainings with the same seed share
the sample of images and their order, so a recipe is held against the first one seed by seed: the mean
difference has a t interval over the seeds, and p-values are corrected for the number of recipes (Holm 1979).
Nothing is trained while `compared` is empty, as it is by default.

How the result misleads: three seeds give intervals so wide that only large differences show, and none of them
says that two recipes are equal. They hold for other seeds, not for other images: on a small test split all
recipes may owe their score to the same lucky images. All recipes get the same epochs and learning rate; one
that needs more of them, as MixUp and larger networks do, looks worse than it is. The best of many recipes on
validation is a little worse on new images.
"""
