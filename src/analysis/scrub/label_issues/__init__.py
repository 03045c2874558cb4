"""Which labels are probably wrong?

Method: every labelled image gets class probabilities from a model that saw neither it nor a copy of it
(stratified cross-validation over the images of all splits together: a label can be wrong in any of them, and
one model for all judges them by one measure). Confident learning (Northcutt, Jiang and Chuang 2021, with
noise measured on anchors; see `confident_learning`) turns these into the probability that a label is wrong.
The default model is a perceptron on the embeddings: it ranks planted errors far better than a random forest
on the scan's measures and thumbnails, in less time (see benchmarks/README.md).

How the result misleads: what the model finds hard, it doubts. A rare view of a class, or a class that looks
like another, is doubted more than a common one; look before relabelling. Read everything beside
`out_of_sample_accuracy`: a weak model misses most errors, and measures too much noise in classes it cannot
tell apart. Errors that follow a rule (all huskies labelled wolf) are learnt by the model and not found. The
score takes the model at its word: where labels are nearly clean, most of the few listed are unusual pictures
with right labels, whatever their score.
"""
