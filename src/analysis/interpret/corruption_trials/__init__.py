"""What does the classifier say of images that are corrupted?

Method: a sample of the judged images, the same number of each class, is brought to the network's input size,
corrupted in fourteen ways at five severities (Hendrycks and Dietterich 2019; see `corruptions` for where we
depart from them), and predicted. All is paired: the same images throughout, with the same draws. Input size
because there their severities are defined, and every network sees the same kind of pixels: what happens to a
larger original before it is resized, and may vanish by that, is not looked at. How far a picture is from the
clean one is measured by PSNR and SSIM. What all this says of the classifier is judged in `robustness`.

How the result misleads: severities are no measure of harm, so corruptions compare at one severity only as far
as PSNR and SSIM agree, and these know nothing of meaning: a shift changes nearly every pixel and leaves the
picture what it is.
"""
