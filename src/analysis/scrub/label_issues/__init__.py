"""Which labels are probably wrong?

Method: `label_probabilities` says what a model makes of every labelled image, having seen neither it nor a
copy of it. Confident learning (Northcutt, Jiang and Chuang 2021, with noise measured on anchors; see
`confident_learning`) turns these probabilities into a doubt, by which labels are ranked; how doubtful labels
look that are planted among these very images turns the doubt into the probability that a label is wrong (see
`calibration`). Beside a doubted image stand those most like it of both classes, the one given and the other.

How the result misleads: what the model finds hard, it doubts. A rare view of a class, or a class that looks
like another, is doubted more than a common one; look before relabelling. Read everything beside
`out_of_sample_accuracy`: a weak model misses most errors, and measures too much noise in classes it cannot
tell apart. Errors that follow a rule (all huskies labelled wolf) are learnt by the model and not found. Where
people err on pictures that are hard to tell, the score is too low and the list too short, though the worst
still come first.
"""
