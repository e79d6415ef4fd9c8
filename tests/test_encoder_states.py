"""How tensors are read from files: wrappers, averages beside weights, left-over, damaged and strange tensors."""

import dataclasses
import json
import re
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from torch import nn
from torch.nn import functional

from blues import encoders
from blues.check import InputError
from blues.encoders import checkpoint, nets, states, timm_names


def net(architecture="small_cnn", seed=0, **arguments):
    made = nets.build(architecture, **arguments)
    nets.seed_weights(made, seed)
    rng = np.random.default_rng(seed)
    for layer in made.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.running_mean.copy_(torch.as_tensor(rng.normal(0, 0.3, layer.num_features)))
            layer.running_var.copy_(torch.as_tensor(rng.uniform(0.01, 2, layer.num_features)))
    return made


@pytest.fixture(scope="module")
def small():
    return net(channels=1, planes=4, stages=3).state_dict()


SMALL = {"architecture": "small_cnn", "arguments": {"planes": 4, "stages": 3}}


@pytest.fixture
def read(tmp_path):
    def reader(content, description=None, name="w.pt"):
        path = tmp_path / name
        torch.save(content, path)
        if description is not None:
            path.with_suffix(".json").write_text(json.dumps(SMALL | description))
        return encoders.get(str(path))

    return reader


@pytest.fixture
def refused(read):
    def refuse(content, says, description=None):
        with pytest.raises(InputError, match=says) as error:
            read(content, description)
        return str(error.value)

    return refuse


# --- what is left over, and what is no weight -------------------------------------------------------------------------


def test_a_network_that_holds_more_than_the_one_named_is_refused(refused):
    deeper = net("resnet34").state_dict()
    refused(
        deeper,
        r"holds 80 tensors that resnet18 does not have: layer1\.2\.",
        {"architecture": "resnet18", "arguments": {}},
    )


def test_heads_and_counters_may_be_left_over(read, small):
    more = small | {
        "head.weight": torch.zeros(3, 16),
        "fc.1.bias": torch.zeros(2),
        "x.num_batches_tracked": torch.tensor(1),
    }
    assert read(more, {}).dimensions == 16


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda t: torch.ones_like(t, dtype=torch.int8), "is of type int8. Allowed: floating-point numbers"),
        (lambda t: t.to(torch.complex64), "is of type complex64"),
        (lambda t: t > 0, "is of type bool"),
        (lambda t: torch.full_like(t, float("inf")), "holds values that are not finite"),
        (lambda t: t.to_sparse(), "is sparse. Allowed: dense tensors"),
        (lambda t: torch.quantize_per_tensor(t, 0.1, 0, torch.qint8), "is quantised"),
        (lambda t: t.to("meta"), "is meta, without values"),
    ],
)
@pytest.mark.filterwarnings("ignore:torch.quantize_per_tensor")
def test_tensors_that_are_no_plain_finite_numbers_are_refused(refused, small, change, says):
    for name in ("features.0.0.weight", "features.1.1.running_var"):
        refused(small | {name: change(small[name])}, f"w.pt: tensor '{re.escape(name)}' {says}", {})


def test_halves_are_read(read, small):
    halved = {name: value.half() if value.is_floating_point() else value for name, value in small.items()}
    weight = read(halved, {}).module.backbone.features[0][0].weight
    assert weight.dtype == torch.float32
    assert torch.equal(weight, small["features.0.0.weight"].half().float())


def test_a_legacy_file_cut_anywhere_is_refused_in_words(tmp_path, small):
    path = tmp_path / "old.pt"
    torch.save(small, path, _use_new_zipfile_serialization=False)
    whole = path.read_bytes()
    for length in [*range(1, len(whole), len(whole) // 40), len(whole) - 1]:
        path.write_bytes(whole[:length])
        with pytest.raises(InputError, match=r"old\.pt: not a torch file"):
            states.read_torch(path)


def test_a_flipped_bit_is_told_by_the_checksum(tmp_path, small):
    path = tmp_path / "w.pt"
    torch.save(small, path)
    whole = bytearray(path.read_bytes())
    at = whole.index(small["features.2.0.weight"].numpy().tobytes()) + 100
    whole[at] ^= 1
    path.write_bytes(whole)
    with pytest.raises(InputError, match=r"w\.pt: damaged: the checksum of its part w/data/\d+ does not fit"):
        states.read_torch(path)


def test_a_file_saved_without_checksums_is_read(tmp_path, small):
    before = torch.serialization.get_crc32_options()
    torch.serialization.set_crc32_options(False)
    try:
        torch.save(small, tmp_path / "w.pt")
    finally:
        torch.serialization.set_crc32_options(before)
    read = states.read_torch(tmp_path / "w.pt")
    assert all(torch.equal(read[name], value) for name, value in small.items())


def test_errors_of_the_system_about_a_file_stay_what_they_are(tmp_path):
    with pytest.raises(FileNotFoundError):
        states.read_torch(tmp_path / "absent.pt")


def test_an_error_of_reading_is_told_as_damage(tmp_path, monkeypatch):
    """torch gives ``OSError: [Errno 22] Invalid argument`` for some files that were cut."""

    def cut(*args, **kwargs):
        raise OSError(22, "Invalid argument")

    monkeypatch.setattr(torch, "load", cut)
    with pytest.raises(InputError, match=r"a\.pt: not a torch file, or damaged or cut"):
        states.read_torch(tmp_path / "a.pt")


# --- heads ------------------------------------------------------------------------------------------------------------


def test_softmax_of_one_output_is_refused(read, refused, small):
    whole = small | {"head.weight": torch.linspace(-1, 1, 16)[None], "head.bias": torch.zeros(1)}
    refused(whole, r"w\.pt: activation is 'softmax' of one output.*sigmoid", {"outputs": ["covid"]})
    encoder = read(whole, {"outputs": ["covid"], "activation": "sigmoid"})
    frames = np.random.default_rng(0).integers(0, 256, (3, 224, 224), dtype=np.uint8)
    values = encoder.forward(frames)
    wanted = 1 / (1 + np.exp(-(values[:, :16] @ np.linspace(-1, 1, 16))))
    np.testing.assert_allclose(encoder.outputs(frames)["covid"], wanted, rtol=1e-4)
    with pytest.raises(InputError, match="softmax' of one output"):
        nets.Embedding(nets.build("small_cnn"), nn.Linear(128, 1))


def test_a_wrong_head_is_named_as_in_the_file(refused, small):
    described = {"outputs": ["a", "b"], "activation": "sigmoid"}
    head = {"model.head.weight": torch.zeros(3, 16), "model.head.bias": torch.zeros(3)}
    wrapped = {f"model.{name}": value for name, value in small.items()}
    refused(wrapped | head, r"tensor 'model\.head\.weight' has shape \(3, 16\).*\(2, 16\)", described)


# --- wrappers and parts -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("prefix", ["_orig_mod.", "net.", "module._orig_mod.", "model.net."])
def test_names_that_compilers_and_wrappers_leave_are_read(read, small, prefix):
    encoder = read({prefix + name: value for name, value in small.items()}, {})
    assert torch.equal(encoder.module.backbone.features[0][0].weight, small["features.0.0.weight"])


@pytest.mark.parametrize(
    ("beside", "note"),
    [
        ({"n_averaged": torch.tensor(5)}, "Left aside, being no part of a network: n_averaged."),
        ({"criterion.weight": torch.ones(3)}, "Left aside, being no part of a network: criterion.weight."),
        ({"head.weight": torch.zeros(3, 16), "head.bias": torch.zeros(3)}, ""),
    ],
)
def test_a_loss_a_counter_or_a_head_may_stand_beside_a_wrapped_network(read, small, beside, note):
    encoder = read({f"backbone.{name}": value for name, value in small.items()} | beside, {"card": {"saw": []}})
    assert torch.equal(encoder.module.backbone.features[0][0].weight, small["features.0.0.weight"])
    assert encoder.card["note"] == note


def test_a_head_beside_a_wrapped_backbone_gives_the_outputs(read):
    wrapped = {f"backbone.{name}": value for name, value in net("resnet18", planes=4, channels=1).state_dict().items()}
    head = {"head.weight": torch.linspace(-1, 1, 64).reshape(2, 32), "head.bias": torch.zeros(2)}
    described = {"architecture": "resnet18", "arguments": {"planes": 4}, "outputs": ["a", "b"]}
    assert torch.equal(read(wrapped | head, described).module.head.weight, head["head.weight"])


def test_names_that_become_one_are_refused(refused, small):
    both = {f"model.{name}": value for name, value in small.items()} | {"features.0.0.weight": torch.zeros(4, 1, 3, 3)}
    refused(both, r"holds both 'model\.features\.0\.0\.weight' and 'features\.0\.0\.weight'", {})


def test_the_nearest_network_is_the_one_that_shares_most_names(refused):
    weights = {f"wrapped.net.{name}": value for name, value in net("resnet50").state_dict().items()}
    assert "nearest is" not in refused(
        weights, r"fit no known architecture \(the first are wrapped\.net\.conv1\.weight"
    )
    weights = {
        f"net.{name}": value for name, value in net("resnet50").state_dict().items() if "layer4.2.bn3" not in name
    }
    refused(
        weights, r"nearest is resnet50 \(missing layer4\.2\.bn3\.bias, layer4\.2\.bn3\.running_mean; unknown none\)"
    )


def test_averaged_weights_beside_others_must_be_chosen(read, refused, small):
    other = {name: value + 1 if value.is_floating_point() else value for name, value in small.items()}
    both = {"state_dict": small, "state_dict_ema": other, "epoch": 3}
    refused(both, r"holds weights under state_dict, state_dict_ema, of which state_dict_ema are averages.*\"key\"", {})
    for key, wanted in (("state_dict", small), ("state_dict_ema", other)):
        encoder = read(both, {"key": key, "card": {"saw": []}})
        assert torch.equal(encoder.module.backbone.features[0][0].weight, wanted["features.0.0.weight"])
        assert encoder.card["note"] == f"Read from '{key}' of the file."
    refused(both, r"holds no state dict under 'ema' \(it holds state_dict, state_dict_ema, epoch\)", {"key": "ema"})


def test_empty_parts_are_passed_over_and_the_part_taken_is_told(read, refused, small):
    encoder = read({"state_dict": {}, "model": small, "ema": None}, {"card": {"saw": [], "note": "Mine."}})
    assert encoder.card["note"] == "Mine. Read from 'model' of the file."
    assert (
        read({"model": {"state_dict": small}}, {"card": {"saw": []}})
        .card["note"]
        .startswith("Read from 'model.state_dict'")
    )
    refused(
        {"student": small, "epoch": 1},
        r"it holds student, epoch\).*Say where in the JSON beside it: \{\"key\": \"student\"\}",
        {},
    )
    assert read({"student": small, "epoch": 1}, {"key": "student"}).dimensions == 16
    refused({"epoch": 1, "lr": 0.1}, r"holds no state dict \(it holds epoch, lr\)", {})


# --- what the header says, and the JSON beside it ----------------------------------------------------------------------


def test_a_description_beside_adds_to_what_the_header_saw_and_takes_nothing_from_it(tmp_path, small):
    path = tmp_path / "w.safetensors"
    header = SMALL | {
        "preprocessing": {"size": [64, 64], "geometry": "polar"},
        "card": {"saw": ["COVID-BLUES"], "licence": "CC BY 4.0", "note": "Trained."},
    }
    safetensors.torch.save_file(small, path, metadata={"blues": json.dumps(header)})
    beside = path.with_suffix(".json")
    for card, saw in (
        ({}, ["COVID-BLUES"]),
        ({"saw": []}, ["COVID-BLUES"]),
        ({"saw": ["pocus"]}, ["COVID-BLUES", "pocus"]),
    ):
        beside.write_text(json.dumps({"preprocessing": {"geometry": "full"}, "card": {**card, "licence": "MIT"}}))
        encoder = encoders.get(str(path))
        assert encoder.card["saw"] == saw
        assert encoder.has_seen("covid-blues")
        assert (encoder.card["licence"], encoder.card["note"]) == ("MIT", "Trained.")
        assert (encoder.preprocessing.geometry, encoder.preprocessing.size) == ("full", (64, 64))
        assert encoder.architecture == "small_cnn"
    beside.write_text(json.dumps({"outputs": []}))
    assert checkpoint.read_description(path).card["saw"] == ["COVID-BLUES"]
    beside.write_text(json.dumps({"architecture": "resnet18"}))
    assert checkpoint.read_description(path).arguments == {"planes": 4, "stages": 3}
    beside.write_text(json.dumps({"architecture": "resnet18", "arguments": {}}))
    assert checkpoint.read_description(path).arguments == {}


def test_a_json_that_two_weight_files_could_claim_is_refused(tmp_path, small):
    for seed, name in enumerate(("w.pt", "w.PTH")):
        torch.save({key: value + seed for key, value in small.items()}, tmp_path / name)
    (tmp_path / "w.json").write_text(json.dumps(SMALL | {"card": {"saw": ["pocus"]}}))
    with pytest.raises(InputError, match=r"w\.json: could describe w\.PTH or w\.pt.*Call it w\.pt\.json"):
        encoders.get(str(tmp_path / "w.pt"))
    (tmp_path / "w.pt.json").write_text(json.dumps(SMALL | {"card": {"saw": ["covidx-us"]}}))
    assert encoders.get(str(tmp_path / "w.pt")).saw == ("covidx-us",)
    assert encoders.get(str(tmp_path / "w.PTH")).saw == ("pocus",)
    (tmp_path / "w.pt.json").write_text(json.dumps(SMALL))
    assert "give it a card in w.pt.json" in encoders.get(str(tmp_path / "w.pt")).card["note"]


@pytest.mark.parametrize("named", ["w.pt", "w.ckpt"])
def test_a_json_beside_a_checkpoint_and_a_weight_file_is_refused(tmp_path, small, named):
    for name in ("w.pt", "w.ckpt"):
        torch.save({"state_dict": small}, tmp_path / name)
    (tmp_path / "w.json").write_text(json.dumps(SMALL | {"card": {"saw": ["pocus"]}}))
    with pytest.raises(
        InputError, match=rf"w\.json: could describe w\.ckpt or w\.pt.*Call it {re.escape(named)}\.json"
    ):
        encoders.get("checkpoint", weights=tmp_path / named)


@pytest.mark.parametrize(("plain", "averaged"), [("state_dict", "swa_state_dict"), ("model", "model_avg")])
def test_averages_of_any_name_are_chosen_by_key(refused, read, small, plain, averaged):
    both = {plain: small, averaged: {key: 2 * value for key, value in small.items()}}
    refused(both, rf"holds weights under {plain}, {averaged}, of which {averaged} are averages", {})
    assert read(both, {"key": averaged}).hash != read(both, {"key": plain}).hash


def headed(small, *places, shape=(2, 16)):
    return small | {f"head.{place}": torch.ones(shape if place.endswith("weight") else shape[:1]) for place in places}


def test_the_only_linear_layer_of_a_head_is_the_head(read, refused, small):
    said = {"outputs": ["a", "b"], "card": {"saw": []}}
    plain = read(headed(small, "weight", "bias"), said)
    assert read(headed(small, "1.weight", "1.bias"), said).hash == plain.hash
    told = refused(
        headed(small, "0.weight", "0.bias", "3.weight", "3.bias"), "its head is no linear layer of its own", said
    )
    assert "head.0.bias, head.0.weight, head.3.bias, head.3.weight. Allowed: head.weight and head.bias" in told


def test_a_resnet_told_by_its_names_is_said_to_be_torchvisions(tmp_path):
    torch.save(net("resnet18", channels=1).state_dict(), tmp_path / "w.pt")
    told = "Told by its names alone, and computed as torchvision's resnet18."
    assert told in encoders.get(str(tmp_path / "w.pt")).card["note"]
    (tmp_path / "w.json").write_text(json.dumps({"architecture": "resnet18"}))
    assert told not in encoders.get(str(tmp_path / "w.pt")).card["note"]


@pytest.mark.parametrize("name", ["w.PT", "w.SAFETENSORS"])
def test_endings_in_capitals_are_read(tmp_path, small, name):
    if name.endswith("PT"):
        torch.save(small, tmp_path / name)
    else:
        safetensors.torch.save_file(small, tmp_path / name)
    (tmp_path / "w.json").write_text(json.dumps(SMALL))
    assert encoders.get(str(tmp_path / name)).hash == encoders.get("checkpoint", tmp_path).hash


@pytest.mark.parametrize("name", ["w.ckpt", "w.pth.tar"])
def test_other_endings_are_told_how_to_be_given(tmp_path, small, name):
    torch.save(small, tmp_path / name)
    (tmp_path / name).with_suffix(".json").write_text(json.dumps(SMALL))
    with pytest.raises(InputError, match="give it as --weights with --encoder checkpoint"):
        encoders.get(str(tmp_path / name))
    assert encoders.get("checkpoint", tmp_path / name).dimensions == 16


# --- timm's names -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("network", ["mobilenet_v2", "efficientnet_b0"])
def test_timms_names_and_back(network):
    names = [name for name in nets.build(network).state_dict() if not name.endswith("num_batches_tracked")]
    before = [timm_names.original(name, network) for name in names]
    assert len({*before}) == len(names)
    assert not {*before} & {*names}
    assert list(timm_names.renamed(before).values()) == names


def test_a_deeper_network_under_timms_names_is_refused_not_cut_down(refused):
    named = {timm_names.original(k, "mobilenet_v2"): v for k, v in net("mobilenet_v2").state_dict().items()}
    weights = {f"module.{name}": value for name, value in named.items()}
    for block in ("blocks.1.2.", "blocks.7.0."):
        deeper = weights | {k.replace("blocks.1.1.", block): v for k, v in weights.items() if "blocks.1.1." in k}
        refused(deeper, rf"tensor 'module\.{re.escape(block)}\S+' is of a block that mobilenet_v2 does not have")


def test_missing_tensors_are_called_as_in_the_file(refused):
    weights = {
        f"module.{timm_names.original(k, 'efficientnet_b0')}": v for k, v in net("efficientnet_b0").state_dict().items()
    }
    wrong = weights | {"module.blocks.3.1.conv_pw.weight": torch.zeros(7, 80, 1, 1)}
    described = {"architecture": "efficientnet_b0", "arguments": {}}
    refused(wrong, r"tensor 'module\.blocks\.3\.1\.conv_pw\.weight' has shape \(7, 80, 1, 1\)", described)
    del wrong["module.blocks.3.1.conv_pw.weight"]
    refused(wrong, r"needs the tensor 'blocks\.3\.1\.conv_pw\.weight'", described)


def same(x, layer):
    """TensorFlow's SAME: as many outputs as strides begin in the input, the odd row of padding below."""
    total = [max((-(-n // layer.stride[0]) - 1) * layer.stride[0] + layer.kernel_size[0] - n, 0) for n in x.shape[2:]]
    x = functional.pad(x, (total[1] // 2, total[1] - total[1] // 2, total[0] // 2, total[0] - total[0] // 2))
    return functional.conv2d(x, layer.weight, None, layer.stride, 0, 1, layer.groups)


def tf_block(x, block):
    """One block of EfficientNet as TensorFlow computes it, from torchvision's layers."""
    y = x
    for part in block.block:
        if isinstance(part, nets.SqueezeExcitation):
            y = y * torch.sigmoid(part.fc2(functional.silu(part.fc1(y.mean((2, 3), keepdim=True)))))
            continue
        conv, norm = part[0], part[1]
        y = same(y, conv)
        y = functional.batch_norm(y, norm.running_mean, norm.running_var, norm.weight, norm.bias, eps=1e-3)
        y = functional.silu(y) if len(part) > 2 else y
    return x + y if block.shortcut else y


@torch.no_grad()
def test_tensorflows_variant_is_computed_where_the_description_says_so(tmp_path):
    plain = net("efficientnet_b0")
    weights = {timm_names.original(name, "efficientnet_b0"): value for name, value in plain.state_dict().items()}
    torch.save(weights, tmp_path / "w.pt")
    usual = encoders.get(str(tmp_path / "w.pt"))
    assert "taken for the variant with symmetric padding and eps 1e-05" in usual.card["note"]
    arguments = {"padding": "same", "eps": 0.001}
    (tmp_path / "w.json").write_text(json.dumps({"arguments": arguments, "card": {"saw": []}}))
    encoder = encoders.get(str(tmp_path / "w.pt"))
    assert encoder.card["note"] == "Computed with padding same, eps 0.001."
    assert encoder.hash != usual.hash
    frames = np.random.default_rng(0).integers(0, 256, (1, 224, 224), dtype=np.uint8)
    x = encoder.preprocessing.tensor(frames)
    stem, *stages, top = plain.features
    for part in (stem, *(block for stage in stages for block in stage), top):
        x = tf_block(x, part) if isinstance(part, nets.MBConv) else tf_block(x, _Alone(part))
    wanted = x.mean((2, 3)).numpy()
    np.testing.assert_allclose(encoder.forward(frames), wanted, rtol=1e-3, atol=1e-4 * np.abs(wanted).max())
    assert np.abs(usual.forward(frames) - wanted).max() > 0.01 * np.abs(wanted).max()
    (tmp_path / "w.json").write_text(json.dumps({"arguments": {"padding": "symmetric", "eps": 1e-5}}))
    assert encoders.get(str(tmp_path / "w.pt")).hash == usual.hash


def test_two_tensors_for_one_layer_are_refused():
    names = ["conv_stem.weight", "features.0.0.weight"]
    with pytest.raises(InputError, match=r"'conv_stem\.weight' and 'features\.0\.0\.weight' are the same layer"):
        timm_names.renamed(names)


class _Alone:
    shortcut = False

    def __init__(self, part):
        self.block = [part]


@pytest.mark.parametrize(
    ("arguments", "says"), [({"padding": "valid"}, "padding of"), ({"eps": 0}, "eps of"), ({"eps": "x"}, "eps of")]
)
def test_variants_that_are_none_are_refused(arguments, says):
    with pytest.raises(InputError, match=f"{says} mobilenet_v2 is"):
        nets.build("mobilenet_v2", **arguments)
    with pytest.raises(InputError, match="does not take all of the arguments padding"):
        nets.build("resnet18", padding="same")


def test_the_worked_example_of_the_documentation_works(tmp_path):
    page = (Path(__file__).parents[1] / "docs" / "encoder.md").read_text(encoding="utf-8")
    section = page.split("## Bring your own weights")[1].split("## ")[0]
    example = section.split("```json")[1].split("```")[0]
    head = {"fc.weight": torch.zeros(3, 512), "fc.bias": torch.zeros(3)}
    torch.save(net("resnet18").state_dict() | head, tmp_path / "net.pt")
    (tmp_path / "net.json").write_text(example)
    encoder = encoders.get(str(tmp_path / "net.pt"))
    assert encoder.has_seen("POCUS")
    assert (encoder.preprocessing.geometry, encoder.preprocessing.size) == ("full", (256, 256))
    assert encoder.card["outputs"] == json.loads(example)["outputs"]
    fields = [line.split("`")[1] for line in section.splitlines() if line.startswith("| `")]
    assert fields == [field.name for field in dataclasses.fields(checkpoint.Description)]
    assert all(f"`{name}`" in section for name in nets.ARCHITECTURES)
    (tmp_path / "net.json").write_text('{"preprocessing": {"mean": [0.5, 0.5, 0.5]}}')
    usual = encoders.get(str(tmp_path / "net.pt")).preprocessing
    assert (usual.geometry, usual.std) == ("sector", (0.229, 0.224, 0.225))
