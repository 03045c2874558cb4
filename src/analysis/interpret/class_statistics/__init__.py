"""What is each class like, in everything that was measured, and in what does it stand out?

Method: the tables of the other stages are joined, one row per class. A class stands out in a statistic by its
robust z-score: its distance from the median class in median absolute deviations, scaled to standard
deviations of a normal distribution (Iglewicz and Hoaglin 1993, who call a value beyond 3.5 an outlier), with
a floor where classes are all but alike.

How the result misleads: a class that stands out need not be wrong: night skies are dark. Of many classes and
statistics some stand out by chance. The scores compare classes of this dataset with each other: what is wrong
with all of them shows nowhere here.
"""
