"""What does resizing to the training size cost, and which interpolation costs least?

Method: `resampling_losses` has resized a sample of images by each method, with and without antialiasing, and
measured what is left. The recommended method has the best SSIM among those with antialiasing; a sure gain is
asked for before bilinear, which most training code uses, is given up.

How the result misleads: SSIM and PSNR judge pictures, not classifiers, which differ little between the
antialiased methods. What matters more is that training and use resize alike: a network trained on one and
fed with another loses more (Parmar et al. 2022). Luma only is measured.
"""
