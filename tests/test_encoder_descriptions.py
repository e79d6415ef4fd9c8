"""What stands beside a weight file: types of the card, names, scales, encodings, and names as wrappers leave them."""

import json

import numpy as np
import pytest
import safetensors.torch
import torch

from blues import encoders
from blues.check import InputError
from blues.encoders import Preprocessing, cards, checkpoint, lus, nets


@pytest.fixture(scope="module")
def weights():
    """A network's tensors, with a head of three outputs; torch's names, one channel."""
    net = nets.build("small_cnn", channels=1, planes=4, stages=3)
    nets.seed_weights(net, 0)
    head = {"head.weight": torch.linspace(-1, 1, 48).reshape(3, 16), "head.bias": torch.zeros(3)}
    return {name: value.contiguous() for name, value in net.state_dict().items()} | head


@pytest.fixture
def path(tmp_path, weights):
    torch.save(weights, tmp_path / "w.pt")
    return tmp_path / "w.pt"


SMALL = {"architecture": "small_cnn", "arguments": {"planes": 4, "stages": 3}}


def described(path, **settings):
    path.with_suffix(".json").write_text(json.dumps(SMALL | settings), encoding="utf-8")
    return encoders.get(str(path))


@pytest.mark.parametrize(
    ("card", "says"),
    [
        ({"saw": "COVID-BLUES"}, r"w\.json: saw of the card is 'COVID-BLUES'. Allowed: a list of names"),
        ({"saw": [["pocus"]]}, "saw of the card is"),
        ({"saw": {"pocus": 1}}, "saw of the card is"),
        ({"saw": None}, "saw of the card is None"),
        ({"saw": [""]}, "saw of the card is"),
        ({"labels": "B-lines"}, "labels of the card is 'B-lines'"),
        ({"saw": [], "licence": ["MIT"]}, r"licence of the card is \['MIT'\]. Allowed: text"),
        ({"saw": [], "note": 3}, "note of the card is 3"),
    ],
)
def test_cards_of_other_types_are_refused(path, card, says):
    with pytest.raises(InputError, match=says):
        described(path, card=card)


def test_a_name_in_place_of_a_list_never_opens_the_guard(tmp_path):
    assert described_saw(tmp_path, ["COVID-BLUES"]).has_seen("covid blues")
    with pytest.raises(InputError, match="saw of the card is 'COVID-BLUES'"):
        described_saw(tmp_path, "COVID-BLUES")
    with pytest.raises(InputError, match="saw of the card is 'pocus'"):
        cards.card("x", saw="pocus")
    assert cards.has_seen("COVID-BLUES", "covid blues")
    assert not cards.has_seen("COVID-BLUES", "c")


@pytest.mark.parametrize(
    ("saw", "cohort", "seen"),
    [
        ("COVID-BLUES v1.0", "COVID-BLUES", True),
        ("COVID-BLUES", "covid_blues 2024-05", True),
        ("covidblues (train)", "COVID-BLUES", True),
        ("pocus", "POCUS sample", True),
        ("COVIDx-US", "covidx_us", True),
        ("NinaWie/COVID-BLUES-dataset", "covid-blues", True),
        ("https://github.com/NinaWie/COVID-BLUES.git", "covid-blues", True),
        ("covid-blues/train", "covid-blues", True),
        ("pocus/train", "train", False),
        ("COVID-BLUES fold 0", "covid-blues", True),
        ("COVID-BLUES validation", "covid-blues", True),
        ("COVID-BLUES dataset v1.0, test split", "covid-blues", True),
        ("COVID-BLUES, 50 of 63 patients", "covid-blues", True),
        ("hannover", "hannover-external", False),
        ("COVID-BLUES", "COVID-BL", False),
        ("covidx", "covid", False),
        ("blues", "COVID-BLUES", False),
        ("---", "COVID-BLUES", False),
        ("COVID-BLUES", "", False),
    ],
)
def test_versions_and_parts_of_a_cohort_are_that_cohort(saw, cohort, seen):
    assert cards.has_seen(["other", saw], cohort) is seen


@pytest.mark.parametrize(
    ("saw", "cohort", "near"),
    [
        ("COVID-BLUES (Maastricht)", "covid-blues", True),
        ("covid blues 2021", "covid-blues", True),
        ("half of COVID-BLUES", "covid-blues", True),
        ("hannover", "hannover-2023", True),
        ("COVID-BLUES", "covid-blues", False),  # it is
        ("COVID-BLUES fold 0", "covid-blues", False),
        ("hannover", "hannover-external", False),
        ("covidx-us", "covid-blues", False),
        ("covidx", "covid", False),
        ("icu", "icu-north", False),
        ("unknown", "covid-blues", False),
    ],
)
def test_a_name_within_another_may_be_that_cohort(saw, cohort, near):
    assert cards.nearly_seen(["other", saw], cohort) == [saw] * near


@pytest.mark.parametrize("name", ["Saw", "SAW", " saw", "trained_on", "Trained on", "seen", "License", "LICENCE"])
def test_fields_of_a_card_that_would_not_be_read_are_refused(path, name):
    with pytest.raises(InputError, match=rf"w\.json: the card has a field {name!r}.*Call it '(saw|licence)'"):
        described(path, card={name: ["COVID-BLUES"]})


def test_further_fields_of_a_card_may_be_there(path):
    card = {"saw": ["x"], "licence": "MIT", "seen": 3, "license": "MIT", "steps": 2000, "doi": "10.1"}
    assert described(path, card=card).saw == ("x",)


def described_saw(tmp_path, saw):
    """Write blues-lus with another card, and read it again."""
    lus.save(tmp_path / "l.safetensors", encoders.get("blues-lus").module, {"saw": saw})
    return encoders.get(str(tmp_path / "l.safetensors"))


@pytest.mark.parametrize("outputs", [["map_01", "b", "c"], ["a", "a", "c"]])
def test_names_that_clash_are_refused(path, outputs):
    """Asked for by its name, one of the two could not be had."""
    with pytest.raises(InputError, match=rf"w\.pt: {outputs[0]}: more than one feature or output has this name"):
        described(path, outputs=outputs)


def test_names_that_clash_in_an_ensemble_are_refused(tmp_path, weights):
    for seed in (1, 2):
        torch.save({k: v * seed for k, v in weights.items()}, tmp_path / f"{seed}.pt")
        described(tmp_path / f"{seed}.pt", outputs=["a", "a_sd", "c"])
    with pytest.raises(InputError, match="a_sd: more than one feature or output has this name"):
        encoders.get("checkpoint", [tmp_path / "1.pt", tmp_path / "2.pt"])


def test_settings_that_are_not_given_stay_as_usual_for_the_network(path, tmp_path):
    usual = described(path).preprocessing
    assert (usual.mean, usual.std, usual.channels) == ((0.449,), (0.226,), 1)
    sized = described(path, preprocessing={"size": [64, 64]}).preprocessing
    assert (sized.mean, sized.std, sized.size) == (usual.mean, usual.std, (64, 64))
    assert described(path, preprocessing={"mean": [0.5], "std": [0.25]}).preprocessing.mean == (0.5,)
    net = nets.build("small_cnn", channels=3, planes=4, stages=3)
    torch.save(net.state_dict(), tmp_path / "rgb.pt")
    colour = described(tmp_path / "rgb.pt", preprocessing={"size": [64, 64]}).preprocessing
    assert (colour.channels, colour.size, colour.mean) == (3, (64, 64), (0.485, 0.456, 0.406))
    with pytest.raises(InputError, match=r"rgb\.json: the preprocessing gives 1 channels and the first layer takes 3"):
        described(tmp_path / "rgb.pt", preprocessing={"channels": 1})
    torch.save(nets.build("small_cnn", channels=2, planes=4, stages=3).state_dict(), tmp_path / "two.pt")
    with pytest.raises(InputError, match=r"the first layer takes 2 channels. Allowed: 1 or 3"):
        described(tmp_path / "two.pt")


@pytest.mark.parametrize(
    "scale", [{"mean": [123.675], "std": [58.395]}, {"mean": [0.0], "std": [255.0]}, {"mean": [float("nan")]}]
)
def test_means_on_the_scale_of_bytes_are_refused(path, scale):
    with pytest.raises(InputError, match=r"not on the scale where white is 1.*Divide both by 255"):
        described(path, preprocessing=scale)
    with pytest.raises(InputError, match="not on the scale where white is 1"):
        Preprocessing(mean=(123.675,), std=(58.395,))


@pytest.mark.parametrize(
    "settings",
    [{"rate": float("nan")}, {"rate": float("inf")}, {"rate": 0.0}, {"rate": -1.0}, {"most": 0}],
)
def test_rates_that_sample_no_frame_are_refused_where_they_stand(path, settings):
    with pytest.raises(InputError, match="would sample no frame"):
        Preprocessing(**settings)
    with pytest.raises(InputError, match=r"w\.json: rate .* would sample no frame"):
        described(path, preprocessing=settings)


def test_messages_about_the_preprocessing_name_the_file_that_holds_it(path, weights):
    with pytest.raises(InputError, match=r"w\.json: geometry"):
        described(path, preprocessing={"geometry": "round"})
    within = path.with_name("within.safetensors")
    header = {"blues": json.dumps(SMALL | {"preprocessing": {"geometry": "round"}})}
    safetensors.torch.save_file(weights, within, metadata=header)
    with pytest.raises(InputError, match=r"within\.safetensors: geometry"):
        encoders.get(str(within))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ('{"activation": "sigmoid"}'.encode("utf-16"), "w.json: not UTF-8 text: .* Save it as UTF-8"),
        (b"[1]", "w.json: a description is a JSON object, and this is a list"),
        (b'"resnet18"', "w.json: a description is a JSON object, and this is a str"),
        (b"null", "w.json: a description is a JSON object, and this is a NoneType"),
        (b"[" * 100_000, "w.json: not valid JSON"),
    ],
)
def test_descriptions_that_are_none_are_named(path, content, says):
    path.with_suffix(".json").write_bytes(content)
    with pytest.raises(InputError, match=says):
        encoders.get(str(path))


def test_a_description_with_a_byte_order_mark_is_read(path):
    path.with_suffix(".json").write_text(json.dumps(SMALL | {"card": {"saw": ["x"]}}), encoding="utf-8-sig")
    assert encoders.get(str(path)).saw == ("x",)


@pytest.mark.parametrize("header", ["{", "[1]"])
def test_headers_that_are_no_description_are_named(tmp_path, weights, header):
    safetensors.torch.save_file(weights, tmp_path / "h.safetensors", metadata={"blues": header})
    with pytest.raises(InputError, match=r"h.safetensors: (not valid JSON|a description is a JSON object)"):
        encoders.get(str(tmp_path / "h.safetensors"))


@pytest.mark.parametrize("value", [-3, 0, 2.5, True, "4"])
def test_arguments_that_make_no_network_are_refused(path, value):
    with pytest.raises(InputError, match=r"planes of small_cnn is .*Allowed: a whole number above 0"):
        described(path, arguments={"planes": value, "stages": 3})


@pytest.mark.parametrize("prefix", ["module.", "encoder.module.", "module.encoder.", "model.module.backbone."])
@pytest.mark.parametrize("kind", ["pt", "safetensors"])
def test_prefixes_of_all_names_are_dropped_however_nested(tmp_path, kind, prefix):
    net = nets.build("resnet18", channels=1, planes=8)
    nets.seed_weights(net, 0)
    named = {prefix + name: value.contiguous() for name, value in net.state_dict().items()}
    path = tmp_path / f"w.{kind}"
    if kind == "pt":
        torch.save({"state_dict": named}, path)
    else:
        safetensors.torch.save_file(named, path)
    (tmp_path / "w.json").write_text('{"arguments": {"planes": 8}}')
    encoder = encoders.get(str(path))
    assert encoder.architecture == "resnet18"
    np.testing.assert_array_equal(encoder.module.backbone.conv1.weight, net.conv1.weight.detach())


def test_an_empty_file_of_tensors_is_named(tmp_path):
    safetensors.torch.save_file({}, tmp_path / "none.safetensors")
    with pytest.raises(InputError, match="its 0 tensors fit no known architecture"):
        encoders.get(str(tmp_path / "none.safetensors"))


def test_a_file_beside_other_weights_is_told_from_no_weight_file(path):
    with pytest.raises(InputError, match=r"weights were given beside encoder .*w\.pt, which is a weight file itself"):
        encoders.get(str(path), weights=path)


def test_bundled_weights_pass_all_of_this():
    encoder = encoders.get("blues-lus")
    description = checkpoint.read_description(encoders.registry.BUNDLED / "blues-lus.safetensors")
    assert description.card["saw"] == encoder.card["saw"] == []
    assert len(set(encoder.feature_names)) == encoder.dimensions


@pytest.mark.parametrize("name", ["", " "])
def test_an_output_without_a_name_is_refused(path, name):
    with pytest.raises(InputError, match=rf"w\.pt: a feature or output is called '{name}'. Allowed: names"):
        described(path, outputs=[name, "b", "c"])


@pytest.mark.parametrize(("field", "value", "told"), [("most", True, "true"), ("mean", [True], r"\[true\]")])
def test_yes_and_no_are_no_numbers(path, field, value, told):
    with pytest.raises(InputError, match=rf"w\.json: {field} of the preprocessing is {told}. Allowed: numbers"):
        described(path, preprocessing={field: value})
