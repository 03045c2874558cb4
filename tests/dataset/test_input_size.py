"""What `auto` stands for, by the images and the parameters alone."""

import pandas as pd
import pytest

from analysis.dataset.input_size import NetworkChoice, choose_network

LITE = "efficientnet_lite0"


@pytest.mark.parametrize(
    ("side_px", "architecture", "weights", "expected"),
    [
        (8, "auto", "auto", ("resnet18", "scratch", 16)),
        (32, "auto", "auto", (LITE, "imagenet", 96)),
        (400, "auto", "auto", (LITE, "imagenet", 128)),
        (400, "auto", "scratch", ("resnet18", "scratch", 64)),
        (400, "auto", "imagenet", ("resnet18", "imagenet", 128)),
        (32, "auto", "file", ("resnet18", "file", 96)),
        (32, "resnet34", "auto", ("resnet34", "scratch", 32)),
        (8, LITE, "auto", (LITE, "imagenet", 96)),
        (400, LITE, "scratch", (LITE, "scratch", 64)),
    ],
)
def test_network_follows_from_images_and_parameters(
    side_px: int, architecture: str, weights: str, expected: tuple[str, str, int]
) -> None:
    scan = scan_of(side_px)
    assert choose_network(scan, architecture=architecture, weights=weights, input_px="auto") == expected


def scan_of(side_px: int) -> pd.DataFrame:
    return pd.DataFrame({"status": ["ok"], "width_px": [side_px], "height_px": [side_px]})


def test_side_that_is_named_is_taken_and_tells_what_is_tiny() -> None:
    named = {"architecture": "auto", "weights": "auto"}
    assert choose_network(scan_of(400), **named, input_px=16) == NetworkChoice("resnet18", "scratch", 16)
    assert choose_network(scan_of(8), **named, input_px=64) == NetworkChoice(LITE, "imagenet", 64)


def test_checkpoint_is_no_network_of_ours_and_has_its_images_size() -> None:
    choice = choose_network(
        scan_of(32), architecture="auto", weights="auto", checkpoint="best.pt", input_px="auto"
    )
    assert (choice.architecture, choice.input_px) == ("resnet18", 32)
