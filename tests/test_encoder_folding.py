"""The lighter copy that is run gives what the network gives."""

import numpy as np
import pytest
import torch
from torch import nn

from blues import encoders
from blues.check import InputError
from blues.encoders import lus, nets, pocovid
from blues.encoders.folding import folded


def unlike_identity(module, seed=0):
    """Give every normalisation statistics, scale and shift of its own, so that leaving one out would show."""
    rng = np.random.default_rng(seed)
    for layer in module.modules():
        if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
            for tensor, low, high in (
                (layer.running_mean, -0.3, 0.3),
                (layer.running_var, 0.5, 2),
                (layer.weight.data, 0.7, 1.4),
                (layer.bias.data, -0.3, 0.3),
            ):
                tensor.copy_(torch.as_tensor(rng.uniform(low, high, len(tensor))))
    return module.eval()


def architectures():
    small = {"small_cnn": 64}
    for name in nets.ARCHITECTURES:
        yield name, lambda name=name: nets.build(name, channels=3), small.get(name, 96)
    for name, kind in pocovid.KINDS.items():
        yield name, lambda kind=kind: pocovid.PocovidNet(kind, 3), 224
    yield "lus_net", lus.LusNet, 128


@pytest.mark.parametrize(("name", "make", "size"), list(architectures()), ids=lambda v: v if isinstance(v, str) else "")
def test_folded_network_computes_the_same(name, make, size):
    with torch.random.fork_rng(devices=[]):
        module = make()
    nets.seed_weights(module, 0)
    unlike_identity(module)
    before = {key: value.clone() for key, value in module.state_dict().items()}
    light = folded(module)
    rng = np.random.default_rng(1)
    x = torch.as_tensor(rng.random((2, 1 if name == "lus_net" else 3, size, size), dtype=np.float32))
    with torch.inference_mode():
        wanted, found = module(x).numpy(), light(x).numpy()
    assert np.ptp(wanted) > 1e-3
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5 * np.abs(wanted).max())
    left = [layer for layer in light.modules() if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d)]
    assert all(isinstance(layer, lus.Centred) for layer in left)
    assert len(left) == 3 * (name == "lus_net")
    after = module.state_dict()
    assert all(torch.equal(after[key], value) for key, value in before.items())


def test_what_is_not_fixed_or_does_not_follow_stays():
    def norms(net):
        return sum(isinstance(layer, nn.BatchNorm2d) for layer in folded(net).modules())

    assert norms(nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4)).train()) == 1
    assert norms(nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.BatchNorm2d(4)).eval()) == 1
    assert norms(nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4, track_running_stats=False)).eval()) == 1
    assert norms(nn.Sequential(nn.BatchNorm2d(4), nn.Conv2d(4, 4, 3)).eval()) == 1
    assert norms(nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4)).eval()) == 0


def test_bundled_encoder_is_as_its_network_says():
    encoder = encoders.get("blues-lus")
    rng = np.random.default_rng(0)
    ramp = np.linspace(0, 120, 128)[:, None] * np.ones((5, 1, 128))
    frames = np.clip(ramp + rng.normal(60, 30, (5, 128, 128)), 0, 255).astype(np.uint8)
    frames[3] = 7
    with torch.inference_mode():
        direct = encoder.module(encoder.preprocessing.tensor(frames)).numpy()
    values = encoder.forward(frames)
    np.testing.assert_allclose(values, direct, rtol=1e-5, atol=1e-5)
    assert values[3, encoder.feature_names.index("lus")] == 0


class ConvReluNorm(nn.Module):
    """Registers the normalisation after the convolution and calls it after the ReLU."""

    def __init__(self):
        super().__init__()
        self.conv, self.bn = nn.Conv2d(1, 8, 3, 2), nn.BatchNorm2d(8)

    def forward(self, x):
        return self.bn(torch.relu(self.conv(x))).mean((2, 3))


class Before(nn.Module):
    """Normalises first, as pre-activation networks do, and registers the layers otherwise."""

    def __init__(self):
        super().__init__()
        self.conv, self.bn, self.conv2 = nn.Conv2d(1, 1, 3), nn.BatchNorm2d(1), nn.Conv2d(1, 8, 3)

    def forward(self, x):
        return self.conv2(self.conv(torch.relu(self.bn(x)))).mean((2, 3))


class Standardised(nn.Conv2d):
    """Changes its weights whenever it is called."""

    def forward(self, x):
        weight = self.weight / self.weight.std((1, 2, 3), keepdim=True)
        return nn.functional.conv2d(x, weight, self.bias, self.stride)


def repeated():
    """One ReLU in two places: what is registered twice is listed once by ``named_children``."""
    relu = nn.ReLU()
    return nn.Sequential(
        relu, nn.Conv2d(1, 8, 3), relu, nn.BatchNorm2d(8), nn.Flatten(2), nn.AdaptiveAvgPool1d(1), nn.Flatten()
    )


def hooked():
    made = nn.Sequential(nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    made[0].register_forward_hook(lambda module, given, found: torch.relu(found))
    return made


def standardised():
    return nn.Sequential(Standardised(1, 8, 3), nn.BatchNorm2d(8), nn.AdaptiveAvgPool2d(1), nn.Flatten())


def encoder_of(module):
    names = tuple(f"f{i}" for i in range(8))
    return encoders.Encoder(
        "mine", "mine", names, encoders.Preprocessing(size=(64, 64)), {"saw": [], "outputs": []}, "h", module
    )


@pytest.mark.parametrize("make", [ConvReluNorm, Before, repeated, hooked, standardised])
@torch.no_grad()
def test_networks_of_ones_own_compute_what_they_do(make):
    with torch.random.fork_rng(devices=[]):
        module = make()
    nets.seed_weights(module, 0)
    encoder = encoder_of(unlike_identity(module))
    frames = np.random.default_rng(1).integers(0, 256, (3, 64, 64), dtype=np.uint8)
    wanted = module(encoder.preprocessing.tensor(frames)).numpy()
    np.testing.assert_allclose(encoder.forward(frames), wanted, rtol=1e-4, atol=1e-5)


def test_a_network_in_training_mode_is_refused_when_it_is_run():
    with torch.random.fork_rng(devices=[]):
        encoder = encoder_of(ConvReluNorm().train())
    frames = np.zeros((1, 64, 64), np.uint8)
    with pytest.raises(InputError, match=r"the network of mine is in training mode.*Call its eval\(\) first"):
        encoder.forward(frames)
    encoder.module.eval()
    assert encoder.forward(frames).shape == (1, 8)
