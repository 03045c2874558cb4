"""EfficientNet-Lite0 and its packaged weights, beside timm's network of the same name."""

import hashlib
from pathlib import Path

import pytest
import timm
import torch

from analysis.contract import InputError
from models.networks import packaged_weights
from models.networks.checkpoint import load_plain
from models.networks.efficientnet_lite import EfficientNetLite0, named_as_ours
from models.networks.packaged_weights import packaged_file, packaged_state


@pytest.fixture(scope="module")
def network() -> EfficientNetLite0:
    network = EfficientNetLite0().eval()
    network.load_state_dict(packaged_state())
    return network


@pytest.fixture(scope="module")
def timms() -> torch.nn.Module:
    """timm's network, which reaches the published accuracy, with the packaged weights."""
    other = timm.create_model("tf_efficientnet_lite0", pretrained=False).eval()
    packaged = load_plain(packaged_file())
    other.load_state_dict(dict(zip(other.state_dict(), packaged.values(), strict=True)))
    return other


@pytest.mark.parametrize("input_px", [224, 96, 65, 33])
@torch.inference_mode()
def test_features_are_those_of_timm(
    network: EfficientNetLite0, timms: torch.nn.Module, input_px: int
) -> None:
    images = torch.randn(2, 3, input_px, input_px, generator=torch.Generator().manual_seed(input_px))
    theirs = timms.forward_head(timms.forward_features(images), pre_logits=True)
    torch.testing.assert_close(network(images), theirs, rtol=1e-5, atol=1e-5)


@torch.inference_mode()
def test_layers_have_the_resolutions_of_a_resnet(network: EfficientNetLite0) -> None:
    maps = network.stem(torch.zeros(1, 3, 128, 128))
    sides = [maps.shape[-1]]
    for layer in (network.layer1, network.layer2, network.layer3, network.layer4):
        maps = layer(maps)
        sides.append(maps.shape[-1])
    assert sides == [64, 32, 16, 8, 4]


def test_state_of_timm_is_named_as_ours(timms: torch.nn.Module) -> None:
    ours, theirs = packaged_state(), named_as_ours(timms.state_dict())
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_state_of_another_network_is_refused() -> None:
    other = timm.create_model("tf_efficientnet_lite1", pretrained=False)
    with pytest.raises(ValueError, match="not those of an EfficientNet-Lite0"):
        named_as_ours(other.state_dict())


def test_packaged_file_is_the_published_one() -> None:
    content = packaged_file().read_bytes()
    assert hashlib.sha256(content).hexdigest() == packaged_weights.SHA256
    assert len(content) == packaged_weights.N_BYTES


def test_file_in_the_cache_serves_without_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packaged = packaged_file()
    monkeypatch.setattr(packaged_weights, "PACKAGE", "no-such-package")
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    with pytest.raises(InputError, match=f"SHA-256 {packaged_weights.SHA256} at {tmp_path}"):
        packaged_file()
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / packaged_weights.FILE).symlink_to(packaged)
    assert packaged_file() == tmp_path / "checkpoints" / packaged_weights.FILE


def test_another_file_of_that_name_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packaged_weights, "PACKAGE", "no-such-package")
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / packaged_weights.FILE).write_bytes(b"something else")
    with pytest.raises(InputError, match="should have the SHA-256"):
        packaged_file()
