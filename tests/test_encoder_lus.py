"""The network of blues-lus: how it takes the mean of its last maps from the frame, and what that changes."""

import dataclasses

import numpy as np
import pytest
import torch

from blues import encoders
from blues.check import InputError
from blues.encoders import checkpoint, lus, nets
from blues.pretrain.train import Budget, Trainer


def centred(share, rng):
    layer = lus.Centred(6, share)
    with torch.no_grad():
        for tensor, low, high in (
            (layer.weight, 0.5, 2),
            (layer.bias, -1, 1),
            (layer.running_mean, -1, 1),
            (layer.running_var, 0.2, 3),
        ):
            tensor.copy_(torch.as_tensor(rng.uniform(low, high, 6)))
    return layer.eval().requires_grad_(False)


def test_all_of_the_mean_moves_every_frame_to_the_mean_of_training(rng):
    x = torch.as_tensor(rng.normal(3, 2, (4, 6, 5, 7)), dtype=torch.float32)
    layer = centred(1.0, rng)
    np.testing.assert_allclose(layer(x).mean((2, 3)), layer.bias.expand(4, 6), atol=1e-5)
    np.testing.assert_allclose(layer(x + 5.0), layer(x), atol=1e-5)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.8, 1.0])
def test_share_is_by_how_much_a_frame_is_moved(rng, share):
    x = torch.as_tensor(rng.normal(0, 2, (4, 6, 5, 7)), dtype=torch.float32)
    layer = centred(share, rng)
    plain = torch.nn.functional.batch_norm(x, layer.running_mean, layer.running_var, layer.weight, layer.bias)
    off = plain.mean((2, 3), keepdim=True) - layer.bias[:, None, None]
    np.testing.assert_allclose(layer(x), plain - share * off, atol=1e-5)


def test_training_is_batch_normalisation(rng):
    x = torch.as_tensor(rng.normal(0, 2, (4, 6, 5, 7)), dtype=torch.float32)
    layer, plain = lus.Centred(6, 0.8).train(), torch.nn.BatchNorm2d(6).train()
    assert torch.equal(layer(x), plain(x))
    assert torch.equal(layer.running_mean, plain.running_mean)


def test_a_frame_is_judged_alone(rng):
    net = lus.LusNet().eval()
    nets.seed_weights(net, 0)
    frames = torch.as_tensor(rng.random((5, 1, 128, 128)), dtype=torch.float32)
    with torch.inference_mode():
        together, alone = net(frames), torch.cat([net(frame[None]) for frame in frames])
    np.testing.assert_allclose(together, alone, rtol=1e-4, atol=1e-4 * float(together.abs().max()))
    assert np.ptp(together.numpy(), axis=0).max() > 0.1


def test_share_is_kept_in_the_file_and_part_of_the_hash(tmp_path):
    net = lus.LusNet(centred=0.25).eval()
    nets.seed_weights(net, 0)
    lus.save(tmp_path / "quarter.safetensors", net, {"saw": []})
    quarter = checkpoint.encoder(tmp_path / "quarter.safetensors")
    assert quarter.module.arguments["centred"] == 0.25
    other = lus.LusNet(centred=0.5).eval()
    other.load_state_dict(net.state_dict())
    lus.save(tmp_path / "half.safetensors", other, {"saw": []})
    half = checkpoint.encoder(tmp_path / "half.safetensors")
    assert half.hash != quarter.hash
    assert half.card["weights"] == quarter.card["weights"]


def test_a_file_without_a_share_computes_what_it_did(tmp_path):
    net = lus.LusNet(centred=0.0).eval()
    nets.seed_weights(net, 0)
    net.arguments = {"planes": 16, "dimensions": 96}
    lus.save(tmp_path / "old.safetensors", net, {"saw": []})
    assert checkpoint.encoder(tmp_path / "old.safetensors").module.arguments["centred"] == 0


def test_training_goes_on_from_weights_of_any_share(tmp_path):
    net = lus.LusNet(centred=0.0).eval()
    nets.seed_weights(net, 0)
    lus.save(tmp_path / "old.safetensors", net, {"saw": []})
    old = checkpoint.encoder(tmp_path / "old.safetensors")
    trainer = Trainer(Budget(steps=1))
    trainer.start_from(old)
    assert torch.equal(trainer.net.head.weight, old.module.head.weight)
    small = dataclasses.replace(old, module=lus.LusNet(planes=8))
    with pytest.raises(InputError, match="no network to go on from"):
        trainer.start_from(small)


@pytest.mark.parametrize("share", [-0.1, 1.5])
def test_impossible_share_is_refused(share):
    with pytest.raises(ValueError, match="not within 0 to 1"):
        lus.LusNet(centred=share)


def test_whether_it_is_lung_ultrasound_is_told_without_centring(rng):
    plain, net = lus.LusNet(centred=0.0).eval(), lus.LusNet().eval()
    nets.seed_weights(plain, 0)
    net.load_state_dict(plain.state_dict())
    frames = torch.as_tensor(rng.random((5, 1, 128, 128)), dtype=torch.float32)
    with torch.inference_mode():
        before, after = plain(frames)[:, -len(lus.OUTPUTS) :], net(frames)[:, -len(lus.OUTPUTS) :]
    place = list(lus.OUTPUTS).index("lus")
    np.testing.assert_allclose(after[:, place], before[:, place], rtol=1e-4)
    assert not np.allclose(after[:, 0], before[:, 0], rtol=1e-2)


@pytest.mark.parametrize("ground", [0, 30])
def test_a_picture_nearly_all_of_one_gray_is_no_lung_ultrasound(ground, rng):
    encoder = encoders.get("blues-lus")
    titles = np.full((3, 128, 128), ground, np.uint8)
    titles[1, 40:52, 10:120:2] = 255  # a line of letters
    titles[2, 60:90, 20:50] = 200  # a logo
    assert (encoder.outputs(titles)["lus"] == 0).all()
    speckle = np.where(rng.random((2, 128, 128)) < 0.2, rng.integers(40, 200, (2, 128, 128)), ground).astype(np.uint8)
    gray = lus._of_one_gray(torch.as_tensor(np.concatenate([titles, speckle])).float()[:, None] / 255)
    assert gray.tolist() == [True, True, True, False, False]


def test_what_is_decided_by_rule_is_part_of_what_an_encoder_is_known_by(tmp_path, monkeypatch):
    net = lus.LusNet().eval()
    nets.seed_weights(net, 0)
    lus.save(tmp_path / "net.safetensors", net, {"saw": []})
    before = checkpoint.encoder(tmp_path / "net.safetensors").hash
    monkeypatch.setattr(lus, "RULES", "none")
    assert checkpoint.encoder(tmp_path / "net.safetensors").hash != before
