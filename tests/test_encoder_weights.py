"""Networks and their weight files: Keras in every layout against an independent NumPy model, torch state dicts, damage."""

import builtins
import json
import struct
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest

from blues import encoders
from blues.check import InputError
from blues.encoders import nets, tensor_bundle
from blues.encoders.keras_files import last_activation, read_layers

# Written by Keras 2.15 with TensorFlow 2.15 and by Keras 3.15: convolution, depth-wise convolution, normalisation, two dense
# layers; entry j of array i is (j + 100 i) / 1000.
DATA = Path(__file__).parent / "data" / "encoders"
LAYOUTS = (
    "keras2_weights.h5",
    "keras2_model.h5",
    "keras3.weights.h5",
    "keras3_model.keras",
    "keras3_model.h5",
    "saved_model",
    "saved_model/variables",
    "saved_model/variables/variables",
    "saved_model/variables/variables.index",
)
TINY = {
    "conv": [("kernel", (3, 3, 3, 4), 0), ("bias", (4,), 1)],
    "depthwise": [("depthwise_kernel", (3, 3, 4, 1), 2)],
    "norm": [("gamma", (4,), 3), ("beta", (4,), 4), ("moving_mean", (4,), 5), ("moving_variance", (4,), 6)],
    "dense": [("kernel", (4, 5), 7), ("bias", (5,), 8), ("kernel", (5, 2), 9), ("bias", (2,), 10)],
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_keras_layout_gives_the_same_arrays(layout):
    layers = read_layers(DATA / layout)
    for kind, expected in TINY.items():
        found = [
            w for layer in layers if layer.kind == kind for w in sorted(layer.weights.items(), reverse=kind == "dense")
        ]
        if kind != "dense":
            found = sorted(found, key=lambda pair: [name for name, _, _ in expected].index(pair[0]))
        assert [name for name, _ in found] == [name for name, _, _ in expected]
        for (_, array), (_, shape, number) in zip(found, expected, strict=True):
            wanted = (np.arange(np.prod(shape)) + 100 * number).reshape(shape) / 1000
            np.testing.assert_allclose(array, wanted, rtol=1e-6)


def test_layers_numbered_past_nine_keep_their_order(tmp_path):
    with h5py.File(tmp_path / "a.weights.h5", "w") as file:
        for i in range(12):
            file[f"layers/conv2d{f'_{i}' if i else ''}/vars/0"] = np.full((1, 1, 1, 1), i, np.float32)
    assert [int(layer.weights["kernel"][0, 0, 0, 0]) for layer in read_layers(tmp_path / "a.weights.h5")] == list(
        range(12)
    )


# --- an independent model in NumPy, from Keras' arrays, channels last -------------------------------------------------


def conv(x, kernel, bias=0.0, stride=1):
    """Keras' padding="same": for stride 2 on even sizes one row below and one column to the right."""
    size = kernel.shape[0]
    pad = (0, size - 2) if stride == 2 else (size // 2, size // 2)
    x = np.pad(x, (pad, pad, (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(x, (size, size), axis=(0, 1))[::stride, ::stride]
    if kernel.shape[3] == 1 and kernel.shape[2] == x.shape[2] > 1:
        return np.einsum("rcdij,ijd->rcd", windows, kernel[..., 0], optimize=True)
    rows, columns = windows.shape[:2]
    flat = windows.transpose(0, 1, 3, 4, 2).reshape(rows * columns, -1)
    return (flat @ kernel.reshape(-1, kernel.shape[3]) + bias).reshape(rows, columns, -1)


def norm(x, layer):
    return layer["gamma"] * (x - layer["moving_mean"]) / np.sqrt(layer["moving_variance"] + 1e-3) + layer["beta"]


def softmax(x):
    e = np.exp(x - x.max())
    return e / e.sum()


def head(maps, layers):
    """Average of the upper left 4x4 of the 7x7 maps, dense, normalisation, ReLU, dense, softmax."""
    pooled = maps[:4, :4].mean((0, 1))
    hidden = norm(pooled @ layers["dense"]["kernel"] + layers["dense"]["bias"], layers["batch_normalization"])
    hidden = np.maximum(hidden, 0)
    return np.concatenate([hidden, softmax(hidden @ layers["dense_1"]["kernel"] + layers["dense_1"]["bias"])])


def vgg_maps(frame, layers):
    x = np.repeat(frame[..., None], 3, 2).astype(np.float32) / 255
    for block, depth in enumerate((2, 2, 3, 3, 3), 1):
        for number in range(1, depth + 1):
            layer = layers[f"block{block}_conv{number}"]
            x = np.maximum(conv(x, layer["kernel"], layer["bias"]), 0)
        rows, columns, maps = x.shape
        x = x.reshape(rows // 2, 2, columns // 2, 2, maps).max((1, 3))
    return x


def random_norm(rng, n):
    keys = ("gamma", "beta", "moving_mean", "moving_variance")
    return dict(
        zip(keys, (rng.random(n) + 0.5, rng.normal(0, 0.1, n), rng.normal(0, 0.1, n), rng.random(n) + 0.5), strict=True)
    )


def he(rng, *shape, fan=None):
    return rng.standard_normal(shape, dtype=np.float32) * np.float32(np.sqrt(2 / (fan or np.prod(shape[:-1]))))


def dense_head(rng, width, hidden=64, classes=3):
    return {
        "dense": {"kernel": he(rng, width, hidden), "bias": rng.normal(0, 0.1, hidden)},
        "batch_normalization": random_norm(rng, hidden),
        "dense_1": {"kernel": he(rng, hidden, classes), "bias": rng.normal(0, 0.1, classes)},
    }


def vgg_layers(rng):
    layers, inputs = {}, 3
    for block, (outputs, depth) in enumerate(((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)), 1):
        for number in range(1, depth + 1):
            layers[f"block{block}_conv{number}"] = {
                "kernel": he(rng, 3, 3, inputs, outputs),
                "bias": rng.normal(0, 0.05, outputs),
            }
            inputs = outputs
    return layers


def write_keras(path, layers):
    """Write layers as Keras 2's save_weights does."""
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [name.encode() for name in layers]
        for name, weights in layers.items():
            group = file.create_group(name)
            group.attrs["weight_names"] = [f"{name}/{key}:0".encode() for key in weights]
            for key, array in weights.items():
                group[f"{name}/{key}:0"] = np.asarray(array, np.float32)
    return path


@pytest.fixture(scope="module")
def vgg(tmp_path_factory):
    rng = np.random.default_rng(3)
    layers = vgg_layers(rng) | dense_head(rng, 512)
    return write_keras(tmp_path_factory.mktemp("vgg") / "fold_1.h5", layers), layers


@pytest.fixture(scope="module")
def frame():
    return np.random.default_rng(4).integers(0, 256, (224, 224), dtype=np.uint8)


def test_pocovid_vgg16_equals_an_independent_model(vgg, frame):
    path, layers = vgg
    encoder = encoders.get("pocovid-vgg16", weights=path)
    got = encoder.forward(frame[None])[0]
    wanted = head(vgg_maps(frame, layers), layers)
    np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-4 * wanted.max())
    assert encoder.feature_names[0] == "hidden_01"
    assert encoder.feature_names[63:] == ("hidden_64", "p_covid19", "p_pneumonia", "p_healthy")
    assert (wanted[:64] > 0).sum() > 10
    assert encoder.outputs(frame[None])["p_covid19"][0] == got[64]


def test_pocovid_vgg16_has_the_published_number_of_parameters(vgg):
    module = encoders.get("pocovid-vgg16", weights=vgg[0]).module
    # arXiv:2004.12084, section 4.1: 2,392,963 trainable and 12,355,008 other parameters; Keras counts moving statistics
    statistics = sum(b.numel() for name, b in module.named_buffers() if "running" in name)
    assert sum(p.numel() for p in module.parameters()) + statistics == 2_392_963 + 12_355_008


def test_card_of_pocovid_says_what_it_saw(vgg):
    encoder = encoders.get("pocovid-vgg16", weights=str(vgg[0]))
    assert encoder.has_seen("POCUS")
    assert encoder.has_seen("covidx_us")
    assert not encoder.has_seen("covid-blues")
    assert json.loads(json.dumps(encoder.card)) == encoder.card
    assert encoder.preprocessing.size == (224, 224)


def test_cam_variant_averages_all_maps(vgg, frame, tmp_path):
    layers = {k: v for k, v in vgg[1].items() if k.startswith("block")}
    layers["dense"] = {"kernel": he(np.random.default_rng(5), 512, 4), "bias": np.arange(4) / 10}
    encoder = encoders.get("pocovid-vgg16-cam", weights=write_keras(tmp_path / "cam.hdf5", layers))
    features = vgg_maps(frame, layers).mean((0, 1))
    wanted = np.concatenate([features, softmax(features @ layers["dense"]["kernel"] + layers["dense"]["bias"])])
    np.testing.assert_allclose(encoder.forward(frame[None])[0], wanted, rtol=1e-4, atol=1e-4 * wanted.max())
    assert encoder.feature_names[-1] == "p_uninformative"


def mobilenet(rng, frame):
    """Draw weights for MobileNetV2 under Keras' names and run the model at once."""
    layers = {}
    x = np.repeat(frame[..., None], 3, 2).astype(np.float32) / 255

    def unit(x, name, kernel, stride=1, depthwise=False, relu=True, norm_name=None):
        layers[name] = {"depthwise_kernel" if depthwise else "kernel": kernel}
        layers[norm_name or f"{name}_BN"] = random_norm(rng, kernel.shape[2] if depthwise else kernel.shape[3])
        x = norm(conv(x, kernel, stride=stride), layers[norm_name or f"{name}_BN"]).astype(np.float32)
        return np.clip(x, 0, 6) if relu else x

    x = unit(x, "Conv1", he(rng, 3, 3, 3, 32), 2, norm_name="bn_Conv1")
    block = 0
    for expand, outputs, depth, stride in nets.MOBILENET_STAGES:
        for number in range(depth):
            name = f"block_{block}_" if block else "expanded_conv_"
            inputs = x.shape[2]
            y = unit(x, name + "expand", he(rng, 1, 1, inputs, inputs * expand)) if block else x
            step = 1 if number else stride
            y = unit(y, name + "depthwise", he(rng, 3, 3, y.shape[2], 1, fan=9), step, depthwise=True)
            y = unit(y, name + "project", he(rng, 1, 1, y.shape[2], outputs), relu=False)
            x = x + y if step == 1 and inputs == outputs else y
            block += 1
    return unit(x, "Conv_1", he(rng, 1, 1, 320, 1280), norm_name="Conv_1_bn"), layers


@pytest.fixture(scope="module")
def small(frame):
    """Give MobileNetV2's last maps of the frame and all layers."""
    rng = np.random.default_rng(6)
    maps, layers = mobilenet(rng, frame)
    return maps, layers | dense_head(rng, 1280)


def test_pocovid_mobilenet_equals_an_independent_model(small, frame, tmp_path):
    maps, layers = small
    encoder = encoders.get("pocovid-mobilenet-v2", weights=write_keras(tmp_path / "m.h5", layers))
    wanted = head(maps, layers)
    assert maps.shape == (7, 7, 1280)
    np.testing.assert_allclose(encoder.forward(frame[None])[0], wanted, rtol=1e-3, atol=1e-3 * wanted.max())


def test_ensemble_gives_members_mean_and_spread(small, frame, tmp_path):
    layers, name = small[1], "pocovid-mobilenet-v2"
    folder = tmp_path / "trained_models"
    for fold, shift in enumerate((0.0, 1.0, -2.0)):
        other = layers | {"dense_1": {"kernel": layers["dense_1"]["kernel"] / 100, "bias": np.array([shift, 0, 0])}}
        (folder / f"fold_{fold}").mkdir(parents=True)
        write_keras(folder / f"fold_{fold}" / "weights.h5", other)
    files = sorted(folder.glob("*/*.h5"))
    encoder = encoders.get(name, weights=files)
    single = np.stack([encoders.get(name, weights=file).forward(frame[None])[0] for file in files])
    got = encoder.forward(frame[None])[0]
    np.testing.assert_allclose(got[:192], single[:, :64].ravel(), rtol=1e-6)
    outputs = encoder.outputs(frame[None])
    for i, output in enumerate(("p_covid19", "p_pneumonia", "p_healthy")):
        assert outputs[output][0] == pytest.approx(single[:, 64 + i].mean(), abs=1e-6)
        assert outputs[f"{output}_sd"][0] == pytest.approx(single[:, 64 + i].std(ddof=1), abs=1e-6)
    assert single[:, 64].std() > 0.01
    assert encoder.feature_names[64] == "member_2_hidden_01"
    assert encoders.get(name, weights=folder).hash == encoder.hash
    (folder / "fold_3").mkdir()
    with pytest.raises(InputError, match="fold_3: no weights in this folder"):
        encoders.get(name, weights=folder)
    four = layers | {"dense_1": {"kernel": np.zeros((64, 4)), "bias": np.zeros(4)}}
    with pytest.raises(InputError, match="four.h5: this member gives 64 features and 4 outputs.*Allowed: .* 3 outputs"):
        encoders.get(name, weights=[files[0], write_keras(tmp_path / "four.h5", four)])


# --- wrong and damaged files ------------------------------------------------------------------------------------------


def test_wrong_shape_names_layer_found_and_expected(vgg, tmp_path):
    layers = dict(vgg[1])
    layers["block3_conv2"] = {**layers["block3_conv2"], "kernel": np.zeros((3, 3, 256, 200))}
    with pytest.raises(InputError, match=r"'block3_conv2': kernel has shape \(3, 3, 256, 200\).*\(3, 3, 256, 256\)"):
        encoders.get("pocovid-vgg16", weights=write_keras(tmp_path / "a.h5", layers))
    layers["block3_conv2"] = {"kernel": vgg[1]["block3_conv2"]["kernel"]}
    with pytest.raises(InputError, match="'block3_conv2': bias is missing"):
        encoders.get("pocovid-vgg16", weights=write_keras(tmp_path / "b.h5", layers))
    layers["block3_conv2"] = {**vgg[1]["block3_conv2"], "bias": np.full(256, np.nan)}
    with pytest.raises(InputError, match="'block3_conv2': bias holds values that are not finite"):
        encoders.get("pocovid-vgg16", weights=write_keras(tmp_path / "c.h5", layers))
    del layers["block3_conv2"]
    with pytest.raises(InputError, match="holds 12 conv layers, and pocovid-vgg16 has 13"):
        encoders.get("pocovid-vgg16", weights=write_keras(tmp_path / "d.h5", layers))


def test_bad_keras_files_are_named(vgg, tmp_path):
    def refuse(content, match, name="w.h5"):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match=match):
            encoders.get("pocovid-vgg16", weights=tmp_path / name)

    refuse(b"not weights at all", "no HDF5 signature")
    refuse(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull")
    refuse((DATA / "keras2_weights.h5").read_bytes()[:9000], "damaged or cut HDF5")
    with zipfile.ZipFile(tmp_path / "z.zip", "w") as archive:
        archive.writestr("a.txt", "x")
    refuse((tmp_path / "z.zip").read_bytes(), "no Keras model", "m.keras")
    with h5py.File(tmp_path / "e.h5", "w") as file:
        file["x"] = [1.0]
    with pytest.raises(InputError, match="holds no Keras layers"):
        read_layers(tmp_path / "e.h5")
    with pytest.raises(InputError, match="no such weight file"):
        encoders.get("pocovid-vgg16", weights=tmp_path / "absent.h5")
    with pytest.raises(InputError, match="needs its published weights"):
        encoders.get("pocovid-vgg16")
    with pytest.raises(InputError, match="Name the encoder"):
        encoders.get("weights/fold_0.h5")


def nested(path, layers, frozen):
    """Write layers as Keras 2 does for a base that is one layer: its trained weights first, then the frozen ones."""
    base = {name: weights for name, weights in layers.items() if "dense" not in name and name != "batch_normalization"}
    arrays = {f"{name}/{key}:0": (name, key, array) for name, w in base.items() for key, array in w.items()}
    ordered = sorted(arrays, key=lambda n: arrays[n][0] in frozen or arrays[n][1].startswith("moving"))
    with h5py.File(path, "w") as file:
        outer = [name for name in layers if name not in base]
        file.attrs["layer_names"] = [b"base", *(name.encode() for name in outer)]
        file.create_group("base").attrs["weight_names"] = [name.encode() for name in ordered]
        for name in ordered:
            file[f"base/{name}"] = np.asarray(arrays[name][2], np.float32)
        for name in outer:
            file.create_group(name).attrs["weight_names"] = [f"{name}/{key}:0".encode() for key in layers[name]]
            for key, array in layers[name].items():
                file[f"{name}/{name}/{key}:0"] = np.asarray(array, np.float32)
    return path


def numbered(path, layers):
    """Write layers as Keras 3's save_weights does for a base that is one layer: by kind and number, the base below a name."""
    kinds = {"depthwise_kernel": "depthwise_conv2d", "gamma": "batch_normalization"}
    count = {}
    with h5py.File(path, "w") as file:
        for name, weights in layers.items():
            outer = "dense" in name or name == "batch_normalization"
            first = next(iter(weights))
            kind = kinds.get(first, "dense" if outer else "conv2d")
            place = f"layers/{kind}" if outer else f"layers/functional/layers/{kind}"
            number = count[place] = count.get(place, -1) + 1
            for i, array in enumerate(weights.values()):
                file[f"{place}{f'_{number}' if number else ''}/vars/{i}"] = np.asarray(array, np.float32)
    return path


def keras_3(layers):
    """Call depth-wise kernels as Keras 3 does in h5."""
    return {name: {key.removeprefix("depthwise_"): a for key, a in w.items()} for name, w in layers.items()}


@pytest.mark.parametrize("write", [numbered, lambda path, layers: nested(path, keras_3(layers), frozenset())])
def test_a_nested_base_as_keras_3_writes_it(small, frame, tmp_path, write):
    maps, layers = small
    suffix = ".weights.h5" if write is numbered else ".h5"
    encoder = encoders.get("pocovid-mobilenet-v2", weights=write(tmp_path / f"n{suffix}", layers))
    wanted = head(maps, layers)
    np.testing.assert_allclose(encoder.forward(frame[None])[0], wanted, rtol=1e-3, atol=1e-3 * wanted.max())


def ending(last, ends=("out", 0, 0)):
    """Describe a model as Keras does, with what the last layer but one is, too."""
    first = {"class_name": "Dense", "config": {"name": "first", "activation": "relu"}}
    return {"class_name": "Functional", "config": {"layers": [last, first], "output_layers": list(ends)}}


OUT = {"name": "out"}
DENSE = {"class_name": "Dense", "config": {**OUT, "activation": "sigmoid"}}


@pytest.mark.parametrize(
    ("model", "told"),
    [
        (ending(DENSE), "sigmoid"),
        (ending(DENSE, [["out", 0, 0]]), "sigmoid"),
        (ending({"class_name": "Functional", "config": {**OUT, **ending(DENSE)["config"]}}), "sigmoid"),
        (ending({"class_name": "Softmax", "config": OUT}), "softmax"),
        (
            ending(
                {"class_name": "Dense", "config": {**OUT, "activation": {"class_name": "function", "config": "linear"}}}
            ),
            "linear",
        ),
        (ending({"class_name": "Activation", "config": {**OUT, "activation": "Softmax"}}), "softmax"),
        (ending({"class_name": "Dropout", "config": OUT}), None),
        ({"class_name": "Sequential", "config": [DENSE]}, "sigmoid"),
        (
            {"class_name": "Sequential", "config": {"layers": [{"class_name": "Flatten", "config": {}}, DENSE]}},
            "sigmoid",
        ),
        ({"class_name": "Mine", "config": None}, None),
    ],
)
def test_the_last_activation_is_read_from_the_models_description(tmp_path, model, told):
    with h5py.File(tmp_path / "m.h5", "w") as file:
        file.attrs["model_config"] = json.dumps(model)
    with zipfile.ZipFile(tmp_path / "m.keras", "w") as archive:
        archive.writestr("config.json", json.dumps(model))
    assert last_activation(tmp_path / "m.h5") == last_activation(tmp_path / "m.keras") == told
    assert last_activation(DATA / "saved_model") is None


@pytest.mark.parametrize("ends", ["sigmoid", "softmax"])
def test_a_head_that_is_no_softmax_of_classes_is_refused(vgg, tmp_path, ends):
    layers = {k: v for k, v in vgg[1].items() if k.startswith("block")}
    for classes in (1, 2):
        layers["out"] = {"kernel": np.ones((512, classes)), "bias": np.zeros(classes)}
        path = write_keras(tmp_path / f"{classes}.h5", layers)
        with h5py.File(path, "a") as file:
            file.attrs["model_config"] = json.dumps(
                ending({"class_name": "Dense", "config": {**OUT, "activation": ends}})
            )
        if classes == 2 and ends == "softmax":
            assert encoders.get("pocovid-vgg16-cam", weights=path).card["outputs"] == ["p_class_0", "p_class_1"]
            continue
        said = r"1\.h5: its last layer has 1 output" if classes == 1 else r"2\.h5: its last layer ends in sigmoid"
        with pytest.raises(InputError, match=said):
            encoders.get("pocovid-vgg16-cam", weights=path)


def front(layers, count):
    return {*list(layers)[:count]}


@pytest.mark.parametrize(
    "frozen", [lambda names: front(names, 60), lambda names: {n for n in names if "block_8_" in n}]
)
def test_a_nested_base_with_frozen_layers_is_read_in_the_models_order(small, frame, tmp_path, frozen):
    maps, layers = small
    path = nested(tmp_path / "n.h5", layers, frozen(layers))
    encoder = encoders.get("pocovid-mobilenet-v2", weights=path)
    wanted = head(maps, layers)
    np.testing.assert_allclose(encoder.forward(frame[None])[0], wanted, rtol=1e-3, atol=1e-3 * wanted.max())


def test_a_nested_vgg_with_frozen_blocks_is_read_in_the_models_order(vgg, tmp_path):
    path = nested(tmp_path / "n.h5", vgg[1], front(vgg[1], 10))
    assert encoders.get("pocovid-vgg16", weights=path).hash == encoders.get("pocovid-vgg16", weights=vgg[0]).hash


def test_of_several_checkpoints_the_latest_is_read_or_one_must_be_named(tmp_path):
    source = DATA / "saved_model" / "variables"
    for name in ("ckpt-1", "ckpt-2", "ckpt-10"):
        for end in ("index", "data-00000-of-00001"):
            (tmp_path / f"{name}.{end}").write_bytes((source / f"variables.{end}").read_bytes())
    with pytest.raises(
        InputError, match=r"3 TensorFlow checkpoints in this folder: ckpt-1\.index, ckpt-10\.index, ckpt-2"
    ):
        read_layers(tmp_path)
    (tmp_path / "ckpt-1.data-00000-of-00001").write_bytes(b"")
    (tmp_path / "checkpoint").write_text(
        'model_checkpoint_path: "/old/ckpt-10"\nall_model_checkpoint_paths: "ckpt-1"\n'
    )
    (tmp_path / "ckpt-2.data-00000-of-00001").write_bytes(b"")
    assert len(read_layers(tmp_path)) == 5
    (tmp_path / "checkpoint").write_text('model_checkpoint_path: "ckpt-11"\n')
    with pytest.raises(InputError, match="3 TensorFlow checkpoints"):
        read_layers(tmp_path)


def test_several_keras_files_in_a_folder_are_named(tmp_path):
    for name in ("b.h5", "a.keras"):
        (tmp_path / name).write_bytes(b"")
    with pytest.raises(InputError, match=r"2 weight files in this folder: a\.keras, b\.h5.*fold_0"):
        encoders.get("pocovid-vgg16", weights=tmp_path)


def test_missing_h5py_names_the_extra(monkeypatch):
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name == "h5py":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(InputError, match=r"blues-lus\[keras\]"):
        read_layers(DATA / "keras2_weights.h5")
    assert len(read_layers(DATA / "saved_model")) == 5  # a TensorFlow checkpoint needs no h5py


def varint(value):
    out = b""
    while value > 127:
        out, value = out + bytes([value & 127 | 128]), value >> 7
    return out + bytes([value])


def table(entries, per_block=2):
    """Write a sorted string table of several blocks, prefixes shared."""
    content, index = b"", b""

    def block(pairs):
        data, last = b"", b""
        for key, value in pairs:
            shared = next(
                (i for i, (a, b) in enumerate(zip(key, last, strict=False)) if a != b), min(len(key), len(last))
            )
            data += varint(shared) + varint(len(key) - shared) + varint(len(value)) + key[shared:] + value
            last = key
        return data + struct.pack("<II", 0, 1)

    handles = []
    for start in range(0, len(entries), per_block):
        data = block(entries[start : start + per_block])
        handles.append((entries[min(start + per_block, len(entries)) - 1][0], varint(len(content)) + varint(len(data))))
        content += data + bytes(5)
    index = block(handles)
    footer = varint(0) + varint(0) + varint(len(content)) + varint(len(index))
    return content + index + bytes(5) + footer.ljust(40, b"\0") + struct.pack("<Q", tensor_bundle.MAGIC)


def bundle(folder, arrays):
    data, entries = b"", [(b"", b"\x08\x01")]
    for name, array in sorted(arrays.items()):
        shape = b"".join(b"\x12" + varint(len(d := b"\x08" + varint(n))) + d for n in array.shape)
        value = (
            b"\x08\x01\x12" + varint(len(shape)) + shape + b"\x20" + varint(len(data)) + b"\x28" + varint(array.nbytes)
        )
        entries.append((name.encode(), value + b"\x35" + bytes(4)))
        data += array.tobytes()
    (folder / "v.index").write_bytes(table(entries))
    (folder / "v.data-00000-of-00001").write_bytes(data)
    return folder / "v.index"


def test_checkpoint_index_of_several_blocks(tmp_path, rng):
    arrays = {f"layer/{i}/kernel": rng.random((i + 1, 3), dtype=np.float32) for i in range(300)}
    got = tensor_bundle.read(bundle(tmp_path, arrays))
    assert set(got) == set(arrays)
    for name, array in arrays.items():
        np.testing.assert_array_equal(got[name], array)
    with pytest.raises(InputError, match=r"holds no Keras layers \(it holds layer/0/kernel"):
        read_layers(tmp_path / "v.index")


def test_damaged_tensorflow_checkpoints(tmp_path):
    source = DATA / "saved_model" / "variables"
    index, data = (source / n for n in ("variables.index", "variables.data-00000-of-00001"))
    copy = tmp_path / "variables.index"
    copy.write_bytes(index.read_bytes())
    with pytest.raises(InputError, match="variables.data-00000-of-00001 is missing"):
        tensor_bundle.read(copy)
    (tmp_path / data.name).write_bytes(data.read_bytes()[:700])
    with pytest.raises(InputError, match="cut short: 700 bytes, at least"):
        tensor_bundle.read(copy)
    copy.write_bytes(index.read_bytes()[:-1])
    with pytest.raises(InputError, match="not the index"):
        tensor_bundle.read(copy)
    copy.write_bytes(index.read_bytes()[:60] + index.read_bytes()[-48:])
    with pytest.raises(InputError, match="damaged"):
        tensor_bundle.read(copy)
