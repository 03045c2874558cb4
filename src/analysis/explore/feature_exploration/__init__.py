"""By what do the classes differ, which are most alike, and how well can they be told apart?

Method: `visual_features` has measured a sample, the same number of images of each class, by features made by
hand. How much of a feature the class explains is eta squared of the Kruskal-Wallis test, corrected for the
number of tests (Holm 1979). Classes are told apart by a linear discriminant with shrunk covariance (Ledoit
and Wolf 2004) in five-fold cross-validation, on these features and on the embeddings, which were made without
labels: what holds for both is the images' doing, not the method's. Pairs of classes are compared by the
cosine of their means, by the Fréchet distance of their embeddings with its small-sample bias extrapolated
away (Chong and Forsyth 2020), and by AUROC.

How the result misleads: a linear discriminant is weaker than a trained network, so classes it confuses may
yet be learnt; it is the order of the classes and pairs that carries over. Classes may be easy for a wrong
reason, such as another camera: see image_stats. Copies of an image in two folds make a class look easier.
"""
