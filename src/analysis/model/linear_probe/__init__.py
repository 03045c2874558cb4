"""What does a linear head on the embeddings reach, before any network is trained?

Method: multinomial logistic regression on the embeddings as `embed` made them (a linear probe: Alain and
Bengio 2017), trained on the images that the baseline learns from, without those that validation or test hold
too. The strength of its ridge penalty is the one with the lowest log loss on validation, or by five-fold
cross-validation of training where there are few validation images or no test; the test images choose
nothing. Shares have 95% intervals (Wilson 1927). The same head on an eighth, a quarter and half of the
training images tells whether more of them would help; what the last doubling gains has an interval for the
same images (Newcombe 1998). `evaluate` compares the probe with the network, image by image.

How the result misleads: it is a floor, not a ceiling. Linear accuracy on pretrained features follows what
finetuning them would reach (Kornblith, Shlens and Le 2019), which is more, and most so where the images are
unlike those that the features were learnt from. Embeddings of few dimensions, or of images made small, hide
what a network at full resolution sees. Features that are not pretrained (embed.backbone: patches) were
learnt from the images of all splits, though without labels. If the features' own training saw these test
images, the probe is flattered. The learning curve draws one sample a size, and its end says nothing certain
about sizes beyond it.
"""
