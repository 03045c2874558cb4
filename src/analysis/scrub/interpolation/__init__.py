"""What does resizing to the training size cost, and which interpolation costs least?

Method: a sample of images at full size is resized as training does it, the whole image squeezed to a square,
by each method with and without antialiasing. What comes back when an ideal interpolation takes the result
to the original's size is compared with it by PSNR and SSIM (Wang et al. 2004). An ideal low-pass, a cut in
the cosine spectrum, parts each image into what the small one can hold and what it cannot: as all methods are
linear, what becomes of the first is the detail kept, and whatever comes of the second is aliasing, measured
apart from everything else. The recommended method has the best SSIM among those with antialiasing; a sure
gain is asked for before bilinear, which most training code uses, is given up.

How the result misleads: SSIM and PSNR judge pictures, not classifiers, which differ little between the
antialiased methods. What matters more is that training and use resize alike: a network trained on one and
fed with another loses more (Parmar et al. 2022). Luma only is measured.
"""
