"""What, beside the picture, tells the class or the split?

Method: each fact of a file (format, colour mode, exact size, shape, transparency, bytes per pixel, pages,
colour profile, JPEG quality, EXIF's camera and day, the program that wrote it, the pattern of its name) is
asked alone which class an image is of: by cross-validation, an image is taken for a class if its value is
more frequent in that class than among the others. Balanced accuracy, the mean of the shares of the class and
of the others that this gets right, is 0.5 by chance and 1 where the fact gives the class away; its 95%
interval joins the two shares' Wilson intervals (Newcombe 1998). p-values are of the counts' hypergeometric
distribution (Fisher 1935), corrected over all facts and classes (Holm 1979). Splits are asked for in the
same way, against training.

How the result misleads: a network sees pixels, not files. A fact that tells the class says that the class
was collected or saved in another way, which mostly leaves traces in the pixels too (compression, scaling),
and sometimes none. When a file was last changed is not asked: copying a dataset changes it. Large objects
may rightly have large pictures. What two facts tell only together is not seen.
"""
