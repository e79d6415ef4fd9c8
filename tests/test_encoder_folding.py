"""The lighter copy that is run gives what the network gives."""

import numpy as np
import pytest
import torch
from torch import nn

from blues import encoders
from blues.check import InputError
from blues.embed import work
from blues.encoders import base, lus, nets, pocovid
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


class Tapped(nn.Module):
    """Reads what layers of a Sequential give, by their place."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(1, 4, 3, 2), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 4, 3, 2))

    def forward(self, x):
        seen = []
        for layer in self.layers:
            x = layer(x)
            seen.append(x.mean((2, 3)))
        return torch.cat([seen[0], seen[3]], 1)


class Viewed(nn.Module):
    """Lays maps out with ``view``, which takes them in one order of memory alone."""

    def __init__(self):
        super().__init__()
        self.conv, self.head = nn.Conv2d(1, 4, 32, 32), nn.Linear(16, 8)

    def forward(self, x):
        return self.head(self.conv(x).view(len(x), -1))


def normed():
    """Computes its weights in a hook; once it has learned, it cannot be copied."""
    made = nn.Sequential(nn.utils.weight_norm(nn.Conv2d(1, 8, 3)), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    with torch.enable_grad():
        made(torch.ones(1, 1, 8, 8)).sum().backward()
    return made


@pytest.mark.filterwarnings("ignore:.*weight_norm.*:FutureWarning")
@pytest.mark.parametrize("make", [ConvReluNorm, Before, repeated, hooked, standardised, Tapped, Viewed, normed])
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


class Pair(nn.Module):
    def forward(self, x):
        return (x.mean((2, 3)),)


def test_a_network_that_gives_no_tensor_is_refused():
    frames = np.zeros((1, 64, 64), np.uint8)
    with pytest.raises(InputError, match=r"the network of mine gives a tuple. Allowed: a tensor of shape \(n, 8\)"):
        encoder_of(Pair().eval()).forward(frames)


def test_weights_that_change_after_the_first_use_are_used():
    """Of a network of this package too, of which a lighter copy is kept."""
    with torch.random.fork_rng(devices=[]):
        module = nets.Embedding(nets.build("small_cnn", planes=4, stages=2)).eval().requires_grad_(False)
    nets.seed_weights(module, 0)
    encoder = encoder_of(module)
    frames = np.random.default_rng(1).integers(0, 256, (3, 64, 64), dtype=np.uint8)
    first = encoder.forward(frames)
    kept = encoder._network()[0]
    assert kept is not module
    assert encoder._network()[0] is kept
    nets.seed_weights(module, 1)
    with torch.inference_mode():
        wanted = module(encoder.preprocessing.tensor(frames)).numpy()
    assert np.abs(first - wanted).max() > 1e-3
    np.testing.assert_allclose(encoder.forward(frames), wanted, rtol=1e-4, atol=1e-5)
    module.requires_grad_(True)  # whoever trains it may change it in ways that are not seen
    assert encoder._network()[0] is module


def made(**fields):
    """Make an encoder without a hash."""
    with torch.random.fork_rng(devices=[]):
        module = nn.Sequential(nn.Conv2d(1, 8, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten()).eval()
    nets.seed_weights(module, fields.pop("seed", 0))
    names = tuple(f"f{i}" for i in range(8))
    usual = {"preprocessing": encoders.Preprocessing(), "card": {"saw": []}, "module": module}
    return encoders.Encoder("mine", "mine", names, **{**usual, **fields})


def test_a_hash_that_is_left_out_is_made_of_what_decides_the_values():
    one = made()
    assert one.hash == made().hash
    others = [made(seed=1), made(preprocessing=encoders.Preprocessing(mean=(0.5,)))]
    others.append(made(module=nn.Sequential(one.module[0], nn.AdaptiveMaxPool2d(1), nn.Flatten()).eval()))
    assert len({one.hash, *(other.hash for other in others)}) == 4
    with pytest.raises(InputError, match=r"encoder mine has no hash.*Give as hash any text"):
        made(module=None, function=lambda frames: frames.mean((1, 2)))


class Scaled(nn.Module):
    """A network whose values hang on a buffer that its state does not hold."""

    def __init__(self, by):
        super().__init__()
        self.register_buffer("by", torch.full((8,), by), persistent=False)

    def forward(self, x):
        return x.mean((2, 3)) * self.by


def test_buffers_that_are_not_kept_are_part_of_the_hash():
    assert made(module=Scaled(1.0).eval()).hash != made(module=Scaled(2.0).eval()).hash


def test_a_function_may_say_nothing_of_its_module():
    class Unplaced:
        __module__ = None

        def __call__(self, frames):
            return frames.mean((1, 2))[:, None]

    encoder = made(module=None, hash="1", function=Unplaced())
    assert not work.side_by_side(encoder)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_weights_of_any_type_have_a_hash(dtype):
    net = nn.Conv2d(1, 2, 3).to(dtype)
    assert base.weights_hash(net.state_dict()) != base.weights_hash({"weight": net.weight, "bias": 2 * net.bias})
    assert base.weights_hash({"packed": (1, 2)}) != base.weights_hash({"packed": (1, 3)})


def test_the_card_of_ones_own_encoder_is_checked():
    """One that could be misread would open the guard against scoring an encoder on what it was trained on."""
    assert made(card={"saw": "COVID-BLUES"}).has_seen("covid blues")
    assert made(card={"saw": ("a", "b")}).saw == ("a", "b")
    unsaid = made(card={})
    assert unsaid.saw == ("unknown",)
    assert unsaid.card["note"] == "Its card does not say what it has seen."
    assert unsaid.card["outputs"] == []
    for card, says in (
        ({"outputs": None}, "outputs of the card is None"),
        ({"outputs": "f0"}, "outputs of the card is 'f0'"),
        ({"Saw": ["COVID-BLUES"]}, "the card has a field 'Saw'"),
        ({"saw": ["x"], "outputs": ["zzz"]}, "outputs of the card: 'zzz' is no feature"),
        ({"saw": [""]}, "saw of the card is"),
        (["COVID-BLUES"], "the card is"),
    ):
        with pytest.raises(InputError, match=says):
            made(card=card)


def test_encoders_of_the_package_say_what_they_saw():
    assert [encoders.get(name).saw for name in ("blues-lus", "frame-stats", "random-cnn")] == [(), (), ()]
