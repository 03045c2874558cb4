"""How many images has each class in each split, and do the splits agree?

Method: counts per class and split with Wilson intervals (Wilson 1927); balance as imbalance ratio, Shannon
entropy, effective number of classes (Hill number of order 1, the exponential of the entropy) and Gini
coefficient; head, medium and tail classes by their training images (Liu et al. 2019). Each pair of splits is
compared by Pearson's chi-square, by permutation where an expected count is below 5 (Cochran 1954), corrected
for the number of pairs (Holm 1979), with Cramér's V (bias-corrected, Bergsma 2013; interval by the noncentral
chi-square, Smithson 2003), Jensen-Shannon distance and total variation as sizes of the effect.

How the result misleads: a split made by stratified sampling agrees better than chance, so a p-value near 1
says how it was made, not that it is representative. Cramér's V shrinks as one split becomes small beside the
other, and total variation grows by chance as a split becomes small: compare it with
`total_variation_by_chance`, as the flag does. Counts are of labels as given; a wrong label counts for the
wrong class.
"""
