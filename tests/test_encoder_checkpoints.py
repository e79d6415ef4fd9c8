"""Networks in torch: names and sizes of torchvision's, and state dicts of one's own, whole and damaged."""

import dataclasses
import json
import pickle

import numpy as np
import pytest
import safetensors.torch
import torch

from blues import encoders
from blues.check import InputError
from blues.encoders import Preprocessing, checkpoint, ensemble, lus, nets, registry

# torchvision's published numbers of parameters, less the 1000-class head
PUBLISHED = {
    "resnet18": (11_689_512 - 513_000, "layer4.1.bn2.running_var"),
    "resnet34": (21_797_672 - 513_000, "layer3.5.conv2.weight"),
    "resnet50": (25_557_032 - 2_049_000, "layer2.0.downsample.1.weight"),
    "vgg16": (14_714_688, "features.28.bias"),
    "vgg16_bn": (14_723_136, "features.41.running_mean"),
    "mobilenet_v2": (3_504_872 - 1_281_000, "features.17.conv.3.weight"),
    "efficientnet_b0": (5_288_548 - 1_281_000, "features.2.0.block.2.fc1.bias"),
}


@pytest.mark.parametrize("architecture", PUBLISHED)
def test_networks_have_torchvisions_names_and_sizes(architecture):
    with torch.device("meta"):
        net = nets.build(architecture)
    count, name = PUBLISHED[architecture]
    assert sum(p.numel() for p in net.parameters()) == count
    assert name in net.state_dict()
    assert net.maps(torch.empty(1, 3, 64, 64, device="meta")).shape == (1, net.width, 2, 2)


@pytest.mark.oracle
@pytest.mark.parametrize("architecture", PUBLISHED)
def test_networks_equal_torchvisions_bit_by_bit(architecture):
    try:
        from torchvision import models
    except (ImportError, RuntimeError):
        pytest.skip("no working torchvision")
    theirs = getattr(models, architecture)(weights=None).eval()
    ours = nets.build(architecture)
    ours.load_state_dict({k: v for k, v in theirs.state_dict().items() if k in ours.state_dict()})
    x = torch.randn(2, 3, 96, 96, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        if architecture.startswith("resnet"):
            maps = torch.nn.Sequential(*list(theirs.children())[:-2])(x)
        else:
            maps = theirs.features(x)
        assert torch.equal(ours.maps(x), maps)


def test_random_cnn_is_fixed_by_its_seed():
    one, again, other = (encoders.get("random-cnn", seed=seed) for seed in (0, 0, 1))
    frames = np.random.default_rng(0).integers(0, 256, (3, 128, 128), dtype=np.uint8)
    values = one.forward(frames)
    np.testing.assert_array_equal(values, again.forward(frames))
    assert one.hash == again.hash != other.hash
    assert not np.allclose(values, other.forward(frames))
    assert values.shape == (3, one.dimensions)
    assert len(np.unique(values[0])) > one.dimensions // 2
    weights = one.module.state_dict()["backbone.features.0.0.weight"].ravel()[:3].numpy()
    wanted = np.random.default_rng(0).standard_normal(3, dtype=np.float32) * np.float32(np.sqrt(2 / 9))
    np.testing.assert_array_equal(weights, wanted)


def test_torchs_generator_is_left_alone(tmp_path):
    path, _ = own(tmp_path)
    before = torch.get_rng_state()
    encoders.get("random-cnn")
    encoders.get(str(path))
    assert torch.equal(before, torch.get_rng_state())


def test_module_and_forward_agree_and_frames_are_independent():
    encoder = encoders.get("random-cnn")
    frames = np.random.default_rng(0).integers(0, 256, (20, 128, 128), dtype=np.uint8)
    with torch.inference_mode():
        direct = encoder.module(encoder.preprocessing.tensor(frames)).numpy()
    values = encoder.forward(frames)
    np.testing.assert_allclose(values, direct, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(values[17:], encoder.forward(frames[17:]), rtol=1e-6, atol=1e-7)


def own(tmp_path, name="own.safetensors", **changes):
    net = nets.build("small_cnn", channels=1, planes=4, stages=3)
    module = nets.Embedding(net, torch.nn.Linear(16, 2), "sigmoid").eval()
    nets.seed_weights(module, 7)
    settings = {
        "architecture": "small_cnn",
        "arguments": {"channels": 1, "planes": 4, "stages": 3},
        "preprocessing": Preprocessing(size=(64, 64), geometry="polar").as_dict(),
        "outputs": ("b_lines", "a_lines"),
        "activation": "sigmoid",
        "card": {"saw": ["synthetic"], "labels": ["B-lines", "A-lines"], "licence": "MIT", "note": "a test"},
    }
    checkpoint.save(tmp_path / name, module, checkpoint.Description(**(settings | changes)))
    return tmp_path / name, module


def test_own_checkpoint_comes_back_with_its_card(tmp_path):
    path, module = own(tmp_path)
    encoder = encoders.get(str(path))
    frames = np.random.default_rng(0).integers(0, 256, (2, 64, 64), dtype=np.uint8)
    with torch.inference_mode():
        np.testing.assert_allclose(
            encoder.forward(frames), module(encoder.preprocessing.tensor(frames)).numpy(), rtol=1e-5, atol=1e-7
        )
    assert encoder.card["saw"] == ["synthetic"]
    assert encoder.preprocessing.geometry == "polar"
    assert encoder.feature_names[-2:] == ("b_lines", "a_lines")
    assert list(encoder.outputs(frames)) == ["b_lines", "a_lines"]
    assert encoders.get("checkpoint", weights=path).hash == encoder.hash


def test_hash_follows_weights_preprocessing_and_outputs(tmp_path):
    hashes = [
        encoders.get(str(own(tmp_path, f"{i}.safetensors", **change)[0])).hash
        for i, change in enumerate(
            (
                {},
                {"preprocessing": Preprocessing(size=(64, 64)).as_dict()},
                {"outputs": ("x", "y")},
                {"activation": "softmax"},
            )
        )
    ]
    assert len(set(hashes)) == 4


def test_bundled_weights_become_an_encoder_by_their_name(tmp_path, monkeypatch):
    own(tmp_path, "blues-test.safetensors")
    assert "blues-test" not in encoders.names()
    monkeypatch.setattr(registry, "BUNDLED", tmp_path)
    assert encoders.names()[0] == "blues-test"
    assert encoders.describe("blues-test") == "a test"
    assert encoders.get("blues-test").name == "blues-test"
    with pytest.raises(InputError, match="takes no weights"):
        encoders.get("blues-test", weights="x.pt")


def state(architecture="resnet18", channels=3):
    net = nets.build(architecture, channels=channels)
    nets.seed_weights(net, 0)
    return net.state_dict()


@pytest.mark.parametrize(
    "wrap", [lambda s: s, lambda s: {"state_dict": s}, lambda s: {"module." + k: v for k, v in s.items()}]
)
def test_state_dict_without_description_is_recognised(tmp_path, wrap):
    plain = state()
    torch.save(wrap(plain | {"fc.weight": torch.zeros(7, 512), "fc.bias": torch.zeros(7)}), tmp_path / "r.pth")
    encoder = encoders.get(str(tmp_path / "r.pth"))
    assert encoder.architecture == "resnet18"
    assert encoder.dimensions == 512
    assert encoder.card["saw"] == ["unknown"]
    assert "r.json" in encoder.card["note"]
    assert encoder.preprocessing.mean == (0.485, 0.456, 0.406)
    assert torch.equal(encoder.module.backbone.conv1.weight, plain["conv1.weight"])


def test_description_beside_the_file(tmp_path):
    weights = state("mobilenet_v2", 1) | {
        "classifier.1.weight": torch.full((3, 1280), 1e-4),
        "classifier.1.bias": torch.zeros(3),
    }
    safetensors.torch.save_file(weights, tmp_path / "m.safetensors")
    description = {"outputs": ["p_a", "p_b", "p_c"], "card": {"saw": ["pocus"], "licence": "CC BY-NC 4.0"}}
    (tmp_path / "m.json").write_text(json.dumps(description))
    encoder = encoders.get("checkpoint", weights=tmp_path / "m.safetensors")
    assert encoder.preprocessing.channels == 1
    assert encoder.has_seen("POCUS")
    assert encoder.card["licence"] == "CC BY-NC 4.0"
    outputs = encoder.outputs(np.full((1, 224, 224), 90, np.uint8))
    assert [float(v[0]) for v in outputs.values()] == pytest.approx([1 / 3] * 3)
    (tmp_path / "m.json").write_text("{")
    with pytest.raises(InputError, match="m.json: not valid JSON"):
        encoders.get(str(tmp_path / "m.safetensors"))
    (tmp_path / "m.json").write_text('{"architectur": "resnet18"}')
    with pytest.raises(InputError, match="Nearest: 'architecture'"):
        encoders.get(str(tmp_path / "m.safetensors"))


def test_tensors_that_do_not_fit_are_named(tmp_path):
    def refuse(weights, match, description=None):
        (tmp_path / "w.json").write_text(json.dumps(description or {}))
        torch.save(weights, tmp_path / "w.pt")
        with pytest.raises(InputError, match=match):
            encoders.get(str(tmp_path / "w.pt"))

    weights = state()
    named = {"architecture": "resnet18"}
    refuse(
        weights | {"layer1.0.conv1.weight": torch.zeros(64, 64, 5, 5)},
        r"has shape \(64, 64, 5, 5\).*\(64, 64, 3, 3\)",
        named,
    )
    del weights["layer3.1.bn2.bias"]
    refuse(weights, "needs the tensor 'layer3.1.bn2.bias', which is missing", named)
    refuse(weights, "nearest is resnet18 .missing layer3.1.bn2.bias; unknown none")
    refuse({"conv_stem.weight": torch.zeros(32, 3, 3, 3)}, "fit no known architecture")
    refuse(state(), "Nearest: 'resnet18'", {"architecture": "resnet-18"})
    refuse(state(), "the head of 2 outputs needs the tensor 'fc.weight', which is missing", {"outputs": ["a", "b"]})
    refuse({"a": 1}, "holds no state dict")
    refuse([torch.zeros(1)], "holds no state dict")
    refuse(state(), "gives 1 channels and the first layer takes 3", {"preprocessing": {"channels": 1}})
    refuse(state(), "does not take all of the arguments", {"architecture": "resnet18", "arguments": {"depth": 3}})


class Bomb:
    def __reduce__(self):
        return (print, ("this must not run",))


def test_files_with_code_text_or_cuts_are_refused(tmp_path, capsys):
    path = tmp_path / "w.pt"
    torch.save({"x": Bomb()}, path)
    with pytest.raises(InputError, match="could run code and are not read"):
        encoders.get(str(path))
    path.write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(InputError, match="not a torch file of tensors alone"):
        encoders.get(str(path))
    path.write_text("hello")
    with pytest.raises(InputError, match="not a torch file, or damaged"):
        encoders.get(str(path))
    torch.save(state(), path)
    path.write_bytes(path.read_bytes()[:100_000])
    with pytest.raises(InputError, match="damaged or cut .PytorchStreamReader"):
        encoders.get(str(path))
    whole, _ = own(tmp_path)
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes(whole.read_bytes()[:-100])
    with pytest.raises(InputError, match="cut.safetensors: not a safetensors file, or cut short"):
        encoders.get(str(cut))
    with pytest.raises(InputError, match="no such weight file"):
        encoders.get(str(tmp_path / "absent.pt"))
    with pytest.raises(InputError, match=r"\d weight files in this folder. Allowed: weights.safetensors, or one file"):
        encoders.get("checkpoint", tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no weight file in this folder"):
        encoders.get("checkpoint", tmp_path / "empty")
    (tmp_path / "table.csv").write_text("a,b\n")
    with pytest.raises(InputError, match=r"table.csv is no weight file. Allowed: a file ending in \.safetensors"):
        encoders.get(str(tmp_path / "table.csv"))
    with pytest.raises(InputError, match="needs a weight file"):
        encoders.get("checkpoint")
    assert capsys.readouterr().out == ""


def lus_member(folder, seed, **arguments):
    net = lus.LusNet(**arguments)
    nets.seed_weights(net, seed)
    folder.mkdir(parents=True)
    card = {"saw": [f"fold {seed}"], "licence": "MIT", "note": f"Saw fold {seed}."}
    lus.save(folder / "weights.safetensors", net.eval(), card)
    (folder / "checkpoint.pt").write_bytes(b"what a stopped run goes on from")


def test_fold_networks_make_an_ensemble_whatever_their_architecture(tmp_path, rng):
    for seed in range(3):
        lus_member(tmp_path / f"fold_{seed}", seed)
    frames = rng.integers(0, 255, (4, 128, 128), dtype=np.uint8)
    single = np.stack([encoders.get("checkpoint", tmp_path / f"fold_{seed}").forward(frames) for seed in range(3)])
    encoder = encoders.get("checkpoint", tmp_path)
    outputs = encoder.outputs(frames)
    assert list(outputs) == [*lus.OUTPUTS, *(f"{name}_sd" for name in lus.OUTPUTS)]
    for i, name in enumerate(lus.OUTPUTS, 96):
        np.testing.assert_allclose(outputs[name], single[:, :, i].mean(0), rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(outputs[f"{name}_sd"], single[:, :, i].std(0, ddof=1), rtol=1e-4, atol=1e-6)
    assert (outputs["soldati_sd"] > 1e-4).all()
    np.testing.assert_allclose(encoder.forward(frames)[:, 96:192], single[1, :, :96], rtol=1e-5, atol=1e-6)
    assert encoder.feature_names[96] == "member_2_lus_001"
    assert encoder.card["saw"] == ["fold 0", "fold 1", "fold 2"]
    assert set(encoder.card["units"]) == set(outputs)
    files = [tmp_path / f"fold_{seed}" / "weights.safetensors" for seed in range(3)]
    assert encoders.get("checkpoint", files).hash == encoder.hash
    assert encoders.get("checkpoint", files[:2]).hash != encoder.hash
    with pytest.raises(InputError, match=r"fold_0.*: this member's weights are those of an earlier one"):
        encoders.get("checkpoint", [files[0], files[1], files[0]])
    path, _ = own(tmp_path)
    with pytest.raises(InputError, match=r"this member is a \w+. Allowed: the first member's: lus_net. Leave it out"):
        encoders.get("checkpoint", [files[0], path])


def test_what_tensors_do_not_tell_is_in_an_ensembles_hash_and_card(tmp_path, rng):
    """The same tensors, computed with otherwise: else the cache would give the one's embeddings for the other."""
    for share in (0.0, 1.0):
        for seed in range(2):
            lus_member(tmp_path / f"{share}" / f"fold_{seed}", seed, centred=share)
    plain, moved = (encoders.get("checkpoint", tmp_path / f"{share}") for share in (0.0, 1.0))
    frames = rng.integers(0, 255, (1, 128, 128), dtype=np.uint8)
    assert np.abs(plain.forward(frames) - moved.forward(frames)).max() > 1e-3
    assert plain.hash != moved.hash
    assert [one["centred"] for one in moved.card["arguments"]] == [1.0, 1.0]
    assert plain.card["note"] == "Saw fold 0. Saw fold 1."


def test_folds_come_in_the_order_of_their_numbers_and_descriptions_are_no_folds(tmp_path):
    for seed in (0, 2, 10):
        path, _ = own(tmp_path, f"fold_{seed}.safetensors")
        weights = safetensors.torch.load_file(path)
        torch.save({k: v * (1 + seed) for k, v in weights.items()}, tmp_path / f"fold_{seed}.pt")
        description = dataclasses.asdict(checkpoint.read_description(path))
        (tmp_path / f"fold_{seed}.json").write_text(json.dumps(description))
        path.unlink()
    assert [path.name for path in ensemble.member_files(tmp_path)] == ["fold_0.pt", "fold_2.pt", "fold_10.pt"]
    assert encoders.get("checkpoint", tmp_path).architecture == "small_cnn, 3 members"


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"preprocessing": Preprocessing(size=(64, 64), geometry="full").as_dict()}, "this member sees frames as"),
        ({"activation": "softmax"}, "this member ends in softmax. Allowed: the first member's: sigmoid"),
    ],
)
def test_members_that_mean_something_else_are_refused(tmp_path, changes, says):
    first, _ = own(tmp_path, "first.safetensors")
    second, _ = own(tmp_path, "second.safetensors", **changes)
    with pytest.raises(InputError, match=says):
        encoders.get("checkpoint", [first, second])


@pytest.mark.parametrize(
    ("activation", "unit"), [("sigmoid", "probability"), ("softmax", "probability"), ("identity", "score")]
)
def test_outputs_say_whether_they_are_probabilities(tmp_path, activation, unit):
    path, _ = own(tmp_path, activation=activation)
    units = encoders.get(str(path)).card["units"]
    assert set(units) == {"b_lines", "a_lines"}
    assert all(value.startswith(unit) for value in units.values())


def test_state_dicts_of_folds_make_an_ensemble(tmp_path):
    for fold in range(2):
        weights = state()
        weights["bn1.weight"] = weights["bn1.weight"] * (1 + fold)
        torch.save(weights, tmp_path / f"fold_{fold}.pt")
    encoder = encoders.get("checkpoint", tmp_path)
    assert encoder.architecture == "resnet18, 2 members"
    assert encoder.dimensions == 2 * 512
    assert encoder.card["outputs"] == []
    one = encoders.get(str(tmp_path / "fold_1.pt"))
    frame = np.full((1, 224, 224), 99, np.uint8)
    frame[:, 50:90] = 12
    np.testing.assert_allclose(encoder.forward(frame)[0, 512:], one.forward(frame)[0], rtol=1e-5, atol=1e-6)


def test_weights_that_give_nonsense_are_refused_when_used(tmp_path):
    weights = state()
    weights["bn1.weight"] = torch.full((64,), float("nan"))
    torch.save(weights, tmp_path / "w.pt")
    with pytest.raises(InputError, match="not finite"):
        encoders.get(str(tmp_path / "w.pt")).forward(np.full((1, 224, 224), 9, np.uint8))


def test_save_refuses_what_it_could_not_read_back(tmp_path):
    _, module = own(tmp_path)
    with pytest.raises(InputError, match="ends in .safetensors"):
        checkpoint.save(tmp_path / "a.pt", module, checkpoint.Description(architecture="small_cnn"))
    with pytest.raises(InputError, match="tensor 'features"):
        checkpoint.save(tmp_path / "a.safetensors", module, checkpoint.Description(architecture="small_cnn"))
    assert not (tmp_path / "a.safetensors").exists()


def timms(name):
    """Return a network's state dict under timm's names, written down here from timm's modules, and in timm's order."""
    net = nets.build(name)
    nets.seed_weights(net, 3)
    state = net.state_dict()
    stages = {"mobilenet_v2": (1, 2, 3, 4, 3, 3, 1), "efficientnet_b0": (1, 2, 2, 3, 3, 4, 1)}[name]
    excited = name == "efficientnet_b0"
    plain = ["conv_dw", "bn1", *(["se.conv_reduce", "se.conv_expand"] * excited), "conv_pw", "bn2"]
    wide = ["conv_pw", "bn1", "conv_dw", "bn2", *(["se.conv_reduce", "se.conv_expand"] * excited), "conv_pwl", "bn3"]
    layers = ["conv_stem", "bn1"]
    for stage, depth in enumerate(stages):
        for block in range(depth):
            layers += [f"blocks.{stage}.{block}.{layer}" for layer in (wide if stage else plain)]
    layers += ["conv_head", "bn2"]
    owners = list(dict.fromkeys(key.rpartition(".")[0] for key in state))
    assert len(owners) == len(layers)
    other = dict(zip(owners, layers, strict=True))
    found = {".".join([other[key.rpartition(".")[0]], key.rpartition(".")[2]]): value for key, value in state.items()}
    return state, found | {"classifier.weight": torch.zeros(3, 1280), "classifier.bias": torch.zeros(3)}


@pytest.mark.parametrize("name", ["mobilenet_v2", "efficientnet_b0"])
@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
@pytest.mark.parametrize("whose", ["timm", "torchvision"])
def test_timms_names_are_torchvisions_under_other_names(tmp_path, name, suffix, whose):
    """In a safetensors file the tensors lie in another order: the number of channels comes from the first layer by its name."""
    state, renamed = timms(name)
    path = tmp_path / f"net{suffix}"
    written = renamed if whose == "timm" else state
    if suffix == ".pth":
        torch.save(written, path)
    else:
        safetensors.torch.save_file(written, path)
    encoder = encoders.get("checkpoint", weights=path)
    assert encoder.architecture == name
    assert encoder.preprocessing.channels == 3
    read = encoder.module.backbone.state_dict()
    assert all(torch.equal(read[key], value) for key, value in state.items())


def test_two_members_of_one_fold_are_refused(tmp_path):
    for name in ("fold_0_best.pt", "fold_2_best.pt", "fold_2_best.json", "fold_10.pt", "fold_mean.pt"):
        (tmp_path / name).touch()
    names = [path.name for path in ensemble.member_files(tmp_path)]
    assert names == ["fold_0_best.pt", "fold_2_best.pt", "fold_10.pt", "fold_mean.pt"]
    (tmp_path / "fold_2_last.pt").touch()
    with pytest.raises(InputError, match=r"fold_2_best\.pt and fold_2_last\.pt are of one fold.*Move one of them away"):
        ensemble.member_files(tmp_path)
