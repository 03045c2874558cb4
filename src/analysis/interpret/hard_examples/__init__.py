"""Which images are hard for the classifier, do the ways to say so agree, and are their labels right?

Method: three rankings. By loss: the negative log-likelihood of the label under the trained classifier, in
every split. By training: how often an image was right in one epoch and wrong in the next (forgetting events,
Toneva et al. 2019; never learnt counts as most), and the area under the margin (mean over epochs of the
label's logit minus the largest other; Pleiss et al. 2020). By confused pair: for the two classes that the
classifier takes for one another most (by its probabilities on validation), the images nearest to the boundary
between them. Hardness is the mean of the percentiles by loss, forgetting and margin, each among images of the
same split: ranks because the three have different units and heavy tails, their plain mean because nothing on
a new dataset says which to trust more. The agreement of the rankings is Spearman's correlation and the share
of the hardest images that two of them have in common. The odds ratio sets hard images against those whose
label `label_issues` doubts.

How the result misleads: hard for this classifier is not hard for a person, nor for a larger network. A wrong
label is hard too, and is often learnt by heart in the end: then its loss is low, its margin is not. Training
harder on such images teaches errors, so relabel them first. `label_issues` uses another model, but it too
finds rare views doubtful, so overlap is no proof. Few epochs leave few chances to forget. Pleiss et al. find
the margin below which a label is wrong by giving some images to a class that does not exist; training here
has no such class, so that only the order of margins can be read, not their sign. The intervals treat
images as independent; that of a correlation is approximate where most images tie.
"""
