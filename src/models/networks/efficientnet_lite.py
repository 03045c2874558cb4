"""EfficientNet-Lite0 (Tan and Le 2019, without squeeze-and-excitation, with ReLU6), as TensorFlow trained it.

As there, images are padded so that a side n becomes ⌈n / stride⌉, more on the far side than on the near one,
and batch normalisation adds 0.001 to the variance. With PyTorch's own 1e-5 and even padding, the weights
would still load, and describe everything a little wrongly.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn
from torch.nn import functional

N_FEATURES = 1280
# per stage: factor by which channels are expanded, channels out, blocks, stride of the first, kernels' side
STAGES = (
    (1, 16, 1, 1, 3),
    (6, 24, 2, 2, 3),
    (6, 40, 2, 2, 5),
    (6, 80, 3, 2, 3),
    (6, 112, 3, 1, 5),
    (6, 192, 4, 2, 5),
    (6, 320, 1, 1, 3),
)
STEM_CHANNELS = 32
LAYERS = ((0, 1), (2,), (3, 4), (5, 6))  # stages of one resolution, as ResNets name them: layer1 … layer4
# The last block of each width but the thinnest, and the last convolution; the 320 before that say the same.
POOLED = {"layer1": (2,), "layer2": (1,), "layer3": (2, 5), "layer4": (3, 5)}


class EfficientNetLite0(nn.Module):
    """Images (N, 3, H, W), normalised by a mean and a standard deviation of 0.5, to features (N, 1280).

    Its parts have the names of a ResNet's: `stem` has half the image's resolution, `layer1` a quarter, and
    `layer4`, which ends in the 1280 channels that are averaged, a 32nd.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stem = _convolution(3, STEM_CHANNELS, kernel_px=3, stride=2)
        n_channels = STEM_CHANNELS
        for number, stages in enumerate(LAYERS, start=1):
            blocks = []
            for expansion, n_out, n_blocks, stride, kernel_px in (STAGES[stage] for stage in stages):
                for i in range(n_blocks):
                    blocks.append(_Block(n_channels, n_out, expansion, kernel_px, stride if i == 0 else 1))
                    n_channels = n_out
            setattr(self, f"layer{number}", nn.Sequential(*blocks))
        self.layer4.append(_convolution(n_channels, N_FEATURES))

    def forward(self, images: Tensor) -> Tensor:
        maps = self.stem(images)
        for layer in (self.layer1, self.layer2, self.layer3, self.layer4):
            maps = layer(maps)
        return maps.mean(dim=(2, 3))  # (N, 1280, H, W) -> (N, 1280)

    def at_depths(self, images: Tensor) -> list[Tensor]:
        """Means of the maps at six depths: (N, 24), (N, 40), (N, 80), (N, 112), (N, 192), (N, 1280)."""
        maps, means = self.stem(images), []
        for name, pooled in POOLED.items():
            for i, block in enumerate(getattr(self, name)):
                maps = block(maps)
                if i in pooled:
                    means.append(maps.mean(dim=(2, 3)))
        return means


def named_as_ours(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A published state_dict of this network, whatever its names, without its head (the last two tensors).

    All that are known (TensorFlow's, as ported by their authors, and timm's `tf_efficientnet_lite0`) hold the
    same tensors in the order in which they are used, so that place and shape tell which is which.

    Raises
    ------
    ValueError
        If there are more or fewer, or one has another shape.
    """
    own = EfficientNetLite0().state_dict()
    tensors = list(state.values())[:-2]
    shapes = [tuple(tensor.shape) for tensor in tensors]
    if shapes != [tuple(tensor.shape) for tensor in own.values()]:
        raise ValueError("the tensors are not those of an EfficientNet-Lite0, in number, order and shape")
    return dict(zip(own, tensors, strict=True))


class _Block(nn.Module):
    """Channels are expanded, filtered one by one, and projected; where shapes agree, the input is added."""

    def __init__(self, n_in: int, n_out: int, expansion: int, kernel_px: int, stride: int) -> None:
        super().__init__()
        n_wide = n_in * expansion
        expand = [_convolution(n_in, n_wide)] if expansion > 1 else []
        filters = _convolution(n_wide, n_wide, kernel_px=kernel_px, stride=stride, groups=n_wide)
        self.layers = nn.Sequential(*expand, filters, _convolution(n_wide, n_out, is_linear=True))
        self.is_added = stride == 1 and n_in == n_out

    def forward(self, maps: Tensor) -> Tensor:
        return maps + self.layers(maps) if self.is_added else self.layers(maps)


class _SamePadded(nn.Conv2d):
    """TensorFlow's padding "SAME": zeros all round, one more below and right where they come out odd."""

    def forward(self, maps: Tensor) -> Tensor:
        missing = [
            max((-(-n // stride) - 1) * stride + kernel - n, 0)
            for n, kernel, stride in zip(maps.shape[2:], self.kernel_size, self.stride, strict=True)
        ]
        top, left = (n // 2 for n in missing)
        return super().forward(functional.pad(maps, (left, missing[1] - left, top, missing[0] - top)))


class _ReLU6(nn.ReLU):
    """torch's own is no `nn.ReLU`, by which guided backpropagation knows what to guide."""

    def forward(self, maps: Tensor) -> Tensor:
        return functional.relu6(maps, inplace=self.inplace)


def _convolution(
    n_in: int, n_out: int, *, kernel_px: int = 1, stride: int = 1, groups: int = 1, is_linear: bool = False
) -> nn.Sequential:
    kind = nn.Conv2d if kernel_px == 1 else _SamePadded
    convolution = kind(n_in, n_out, kernel_px, stride, groups=groups, bias=False)
    layers = [convolution, nn.BatchNorm2d(n_out, eps=1e-3, momentum=0.01)]
    return nn.Sequential(*layers) if is_linear else nn.Sequential(*layers, _ReLU6(inplace=True))
