"""What would a model make of each image that saw neither its label nor a copy of it?

Method: every labelled image gets class probabilities by stratified cross-validation over the images of all
splits together: a label can be wrong in any of them, and one model for all judges them by one measure. By
default a perceptron, logistic regression and nearest neighbours on the embeddings are mixed, each weighed by
what it knows of images it has not seen (a linear opinion pool); then all learn once more, on other folds,
without the labels that were doubted most (benchmarks/README.md says what each step gains). `label_issues`
turns these probabilities into doubts about labels, and trains nothing.

How the result misleads: a probability is a model's, and a weak one is unsure of images that any person knows.
Copies that `duplicates` has not found teach the model what to say of one another.
"""
