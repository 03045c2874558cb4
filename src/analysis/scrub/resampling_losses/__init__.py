"""What does each way to resize an image to the training size keep, lose and make up?

Method: a sample of images at full size is resized as training does it, the whole image squeezed to a square,
by each method with and without antialiasing. What comes back when an ideal interpolation takes the result
to the original's size is compared with it by PSNR and SSIM (Wang et al. 2004). An ideal low-pass, a cut in
the cosine spectrum, parts each image into what the small one can hold and what it cannot: as all methods are
linear, what becomes of the first is the detail kept, and whatever comes of the second is aliasing, measured
apart from everything else. `interpolation` recommends a method by these losses, and opens no image.

How the result misleads: SSIM and PSNR judge pictures, not classifiers. Luma only is measured.
"""
