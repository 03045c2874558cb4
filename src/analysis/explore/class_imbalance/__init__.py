"""Which rare classes are recognised badly, and how much of it is rarity rather than difficulty?

Method: a linear model (multinomial logistic regression with a ridge penalty) on measures of the
scan and principal components of the thumbnails is trained twice on a stratified sample of the training
images: on classes as frequent as they are, and with each image weighted by one over the size of its class, as
if all classes were of one size. Both predict every image by five-fold cross-validation, so that the recalls
of a class are compared on the same images: what weighting gains was lost to rarity (interval for paired
proportions, Newcombe 1998; McNemar's exact test, corrected for the number of classes by Holm 1979); what it
leaves is difficulty. Spearman's correlation of recall with the number of training images (interval after
Bonett and Wright 2000) says how far recall follows frequency as a whole. Validation and test are not looked
at.

How the result misleads: weighting undoes that a class is outnumbered, not that there are few examples to
learn from, so what is lost to rarity is lost at least. The model is simple: a deep network is more accurate
and may lose more or less. A frequent class gives up recall where a rare one gains it; look at both. Where
rare classes are also the difficult ones, the correlation is not what more images would change.
"""
