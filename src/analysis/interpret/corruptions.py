"""What cameras, weather, storage and framing do to pictures: fourteen corruptions at five severities.

The severities of the eleven corruptions named after Hendrycks and Dietterich (2019) are theirs: at 32 px
those of CIFAR-10-C, at 224 px those of ImageNet-C, between the two in geometric proportion to the side. Below
32 px the former hold, as a blur of a fraction of a pixel would change nothing; above 224 px the latter, where
widths in pixels grow with the side. Occlusion, rotation and shift are our own, in degrees and fractions of
the side.

Pictures of CIFAR-10-C or ImageNet-C are not reproduced: the draws are others, levels are rounded instead of
cut off, and

- a grey picture gets grey noise, as a grey sensor would make;
- a defocused point becomes a disk with a soft edge, whose radius at 32 px is that of the same spread as
  theirs;
- motion smears evenly along a line of any direction, of the same spread as their half of a bell in 90° of
  them; theirs is the same at severities 3 and 4 at 32 px, where ours grows;
- zoom blur averages evenly over its steps, where they count the picture itself twice;
- fog is noise with a spectrum of f⁻⁴ (their plasma's with a decay of 2) over white, also where a picture has
  none, and its roughness is the same at every severity, so that at 224 px strength grows from the third to
  the fourth, too.

A picture's draws depend on the seed, its number and the corruption, not on the severity: noise grows, a turn
goes on the same way, so that severities differ in nothing else.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image

SEVERITIES = (1, 2, 3, 4, 5)
SMALL_PX, LARGE_PX = 32, 224  # sides that the published severities are for
OCCLUDER = 0.5  # mid-grey, which stands out from black and from white
# picture (H, W, 3) in [0, 1], amount, generator -> picture of that shape, not yet clipped to [0, 1]
Change = Callable[[np.ndarray, float, np.random.Generator], np.ndarray]


def gaussian_noise(picture: np.ndarray, std: float, rng: np.random.Generator) -> np.ndarray:
    return picture + std * rng.standard_normal(_noise_shape(picture))


def shot_noise(picture: np.ndarray, photons: float, rng: np.random.Generator) -> np.ndarray:
    """White is `photons` on average: the fewer, the noisier."""
    channels = _noise_shape(picture)[2]
    return rng.poisson(picture[..., :channels] * photons) / photons + np.zeros_like(picture)


def impulse_noise(picture: np.ndarray, fraction: float, rng: np.random.Generator) -> np.ndarray:
    """Salt and pepper: that fraction of the values becomes 0 or 1, either as often."""
    luck = rng.random(_noise_shape(picture))
    return np.where(luck < fraction / 2, 0, np.where(luck > 1 - fraction / 2, 1, picture))


def defocus_blur(picture: np.ndarray, radius_px: float, rng: np.random.Generator) -> np.ndarray:
    x, y = _grid(radius_px)
    return _filtered(picture, radius_px + 0.5 - np.hypot(x, y))


def motion_blur(picture: np.ndarray, length_px: float, rng: np.random.Generator) -> np.ndarray:
    angle = rng.uniform(0, np.pi)
    x, y = _grid(length_px / 2)
    along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    return _filtered(picture, np.minimum(length_px / 2 + 0.5 - np.abs(along), 1 - np.abs(across)))


def zoom_blur(picture: np.ndarray, enlargement: float, rng: np.random.Generator) -> np.ndarray:
    """Mean of the picture enlarged by 1 to 1 + `enlargement`; its corners move half a pixel a step."""
    n_steps = 1 + max(1, round(max(picture.shape) * enlargement))
    scales = np.linspace(1, 1 + enlargement, n_steps)
    return np.mean([_moved(picture, scale=scale, kernel=cv2.INTER_LINEAR) for scale in scales], axis=0)


def contrast(picture: np.ndarray, factor: float, rng: np.random.Generator) -> np.ndarray:
    mean = picture.mean(axis=(0, 1))
    return mean + factor * (picture - mean)


def brightness(picture: np.ndarray, gain: float, rng: np.random.Generator) -> np.ndarray:
    """Value, the brightest of the three channels, raised by `gain`; hue and saturation stay."""
    hsv = cv2.cvtColor(picture, cv2.COLOR_RGB2HSV)
    hsv[..., 2] = np.minimum(hsv[..., 2] + gain, 1)
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)


def jpeg(picture: np.ndarray, quality: float, rng: np.random.Generator) -> np.ndarray:
    stream = io.BytesIO()
    Image.fromarray(_as_bytes(picture)).save(stream, "JPEG", quality=round(quality))
    return np.asarray(Image.open(stream)) / np.float32(255)


def pixelation(picture: np.ndarray, fraction: float, rng: np.random.Generator) -> np.ndarray:
    """Reduced to that fraction of its sides and enlarged again, both by area."""
    height, width = picture.shape[:2]
    small = (max(1, int(width * fraction)), max(1, int(height * fraction)))
    reduced = Image.fromarray(_as_bytes(picture)).resize(small, Image.Resampling.BOX)
    return np.asarray(reduced.resize((width, height), Image.Resampling.BOX)) / np.float32(255)


def fog(picture: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    height, width = picture.shape[:2]
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width))
    amplitude = np.divide(1, frequency**2, out=np.zeros_like(frequency), where=frequency > 0)
    waves = np.fft.rfft2(rng.standard_normal((height, width))) * amplitude
    density = np.fft.irfft2(waves, s=(height, width))
    density = (density - density.min()) / np.ptp(density)
    return (picture + strength * density[..., None]) / (1 + strength)


def occlusion(picture: np.ndarray, fraction: float, rng: np.random.Generator) -> np.ndarray:
    """A grey rectangle, of that fraction of either side, somewhere in the picture."""
    sides = np.array(picture.shape[:2])
    size = np.ceil(sides * fraction).astype(int)
    top, left = np.round(rng.random(2) * (sides - size)).astype(int)
    occluded = picture.copy()
    occluded[top : top + size[0], left : left + size[1]] = OCCLUDER
    return occluded


def rotation(picture: np.ndarray, degrees: float, rng: np.random.Generator) -> np.ndarray:
    """To the left or the right; the border's pixels fill the corners."""
    return _moved(picture, degrees=degrees * rng.choice([-1, 1]))


def shift(picture: np.ndarray, fraction: float, rng: np.random.Generator) -> np.ndarray:
    """In any direction, by that fraction of the longer side; the border's pixels fill what comes free."""
    angle = rng.uniform(0, 2 * np.pi)
    distance = fraction * max(picture.shape)
    return _moved(picture, right_px=distance * np.cos(angle), down_px=distance * np.sin(angle))


@dataclass(frozen=True)
class Corruption:
    """A change of pictures at five severities.

    Attributes
    ----------
    group
        Corruptions of one kind, for the colours of figures.
    amount
        What the amounts are, and their unit.
    at_32_px, at_224_px
        The amounts of severity 1 to 5 for pictures of that side.
    is_width_px
        Whether they are widths in pixels, which go on growing with the side above 224 px.
    """

    name: str
    group: str
    change: Change
    amount: str
    at_32_px: tuple[float, ...]
    at_224_px: tuple[float, ...]
    is_width_px: bool = False

    @property
    def title(self) -> str:
        return self.name.replace("_", " ").replace("gaussian", "Gaussian").replace("jpeg", "JPEG")

    def amount_at(self, severity: int, side_px: int) -> float:
        """The amount of severity 1 to 5 for pictures of that side."""
        small, large = self.at_32_px[severity - 1], self.at_224_px[severity - 1]
        place = np.log(np.clip(side_px, SMALL_PX, LARGE_PX) / SMALL_PX) / np.log(LARGE_PX / SMALL_PX)
        growth = max(1.0, side_px / LARGE_PX) if self.is_width_px else 1.0
        return float(small * (large / small) ** place * growth)


def _own(name: str, change: Change, amount: str, amounts: tuple[float, ...]) -> Corruption:
    return Corruption(name, "framing", change, amount, at_32_px=amounts, at_224_px=amounts)


CORRUPTIONS = (
    Corruption(
        "gaussian_noise",
        "noise",
        gaussian_noise,
        "standard deviation, of white",
        at_32_px=(0.04, 0.06, 0.08, 0.09, 0.10),
        at_224_px=(0.08, 0.12, 0.18, 0.26, 0.38),
    ),
    Corruption(
        "shot_noise",
        "noise",
        shot_noise,
        "photons of a white pixel",
        at_32_px=(500, 250, 100, 75, 50),
        at_224_px=(60, 25, 12, 5, 3),
    ),
    Corruption(
        "impulse_noise",
        "noise",
        impulse_noise,
        "fraction of values",
        at_32_px=(0.01, 0.02, 0.03, 0.05, 0.07),
        at_224_px=(0.03, 0.06, 0.09, 0.17, 0.27),
    ),
    Corruption(
        "defocus_blur",
        "blur",
        defocus_blur,
        "radius, px",
        at_32_px=(0.55, 0.69, 0.93, 1.0, 1.58),
        at_224_px=(3, 4, 6, 8, 10),
        is_width_px=True,
    ),
    Corruption(
        "motion_blur",
        "blur",
        motion_blur,
        "length, px",
        at_32_px=(1.8, 3.1, 4.0, 4.6, 5.2),
        at_224_px=(6.2, 10.4, 16.7, 23.5, 29.8),
        is_width_px=True,
    ),
    Corruption(
        "zoom_blur",
        "blur",
        zoom_blur,
        "enlargement, of 1",
        at_32_px=(0.05, 0.10, 0.15, 0.20, 0.25),
        at_224_px=(0.10, 0.15, 0.20, 0.24, 0.30),
    ),
    Corruption(
        "contrast",
        "light",
        contrast,
        "factor",
        at_32_px=(0.75, 0.5, 0.4, 0.3, 0.15),
        at_224_px=(0.4, 0.3, 0.2, 0.1, 0.05),
    ),
    Corruption(
        "brightness",
        "light",
        brightness,
        "gain, of white",
        at_32_px=(0.05, 0.10, 0.15, 0.20, 0.30),
        at_224_px=(0.1, 0.2, 0.3, 0.4, 0.5),
    ),
    Corruption(
        "fog",
        "light",
        fog,
        "strength",
        at_32_px=(0.2, 0.5, 0.75, 1.0, 1.5),
        at_224_px=(1.5, 2.0, 2.5, 2.75, 3.0),
    ),
    Corruption(
        "jpeg",
        "storage",
        jpeg,
        "quality, of 100",
        at_32_px=(80, 65, 58, 50, 40),
        at_224_px=(25, 18, 15, 10, 7),
    ),
    Corruption(
        "pixelation",
        "storage",
        pixelation,
        "sides kept, fraction",
        at_32_px=(0.95, 0.9, 0.85, 0.75, 0.65),
        at_224_px=(0.6, 0.5, 0.4, 0.3, 0.25),
    ),
    _own("occlusion", occlusion, "side, fraction", (0.125, 0.25, 0.375, 0.5, 0.625)),
    _own("rotation", rotation, "degrees", (5, 10, 15, 20, 30)),
    _own("shift", shift, "distance, fraction of side", (0.04, 0.08, 0.12, 0.16, 0.20)),
)


def corrupt(
    image: np.ndarray, corruption: Corruption, severity: int, *, seed: int, item_id: int
) -> np.ndarray:
    """The image, uint8 (H, W, 3), corrupted: of the same shape and type. Severity 0 leaves it as it is."""
    if severity == 0:
        return image.copy()
    rng = np.random.default_rng([seed, item_id, *corruption.name.encode()])
    amount = corruption.amount_at(severity, max(image.shape))
    return _as_bytes(corruption.change(image / np.float32(255), amount, rng))


def _as_bytes(picture: np.ndarray) -> np.ndarray:
    return np.round(np.clip(picture, 0, 1) * 255).astype(np.uint8)


def _noise_shape(picture: np.ndarray) -> tuple[int, int, int]:
    """One draw a value, but one a pixel if the picture is grey, which then stays so."""
    is_grey = bool((picture == picture[..., :1]).all())
    return (*picture.shape[:2], 1 if is_grey else 3)


def _grid(reach_px: float) -> tuple[np.ndarray, np.ndarray]:
    """x (1, k) and y (k, 1) of a filter's pixels, k odd, that holds all within the reach and half a pixel."""
    places = np.arange(-np.ceil(reach_px), np.ceil(reach_px) + 1)
    return places[None, :], places[:, None]


def _filtered(picture: np.ndarray, coverage: np.ndarray) -> np.ndarray:
    """Mean over the pixels that a shape covers, each to the share of it that is covered."""
    kernel = np.clip(coverage, 0, 1)
    return cv2.filter2D(picture, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REFLECT_101)


def _moved(
    picture: np.ndarray,
    *,
    degrees: float = 0,
    scale: float = 1,
    right_px: float = 0,
    down_px: float = 0,
    kernel: int = cv2.INTER_CUBIC,
) -> np.ndarray:
    """Turned and enlarged about its middle, then shifted; the border's pixels fill what comes free."""
    height, width = picture.shape[:2]
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), degrees, scale)
    matrix[:, 2] += right_px, down_px
    return cv2.warpAffine(picture, matrix, (width, height), flags=kernel, borderMode=cv2.BORDER_REPLICATE)
