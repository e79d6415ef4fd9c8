"""The import of Keras weights against models that Keras itself builds, with torch as its backend (extra ``test-oracle``)."""

import os

import numpy as np
import pytest

from blues import encoders

os.environ.setdefault("KERAS_BACKEND", "torch")
keras = pytest.importorskip("keras")

pytestmark = [pytest.mark.slow, pytest.mark.oracle]


def built(name, rng, nested=False):
    """Build one of POCOVID-Net's models (pocovidnet/model.py: get_model, get_cam_model, get_mobilenet_v2_model)."""
    layers = keras.layers
    image = layers.Input((224, 224, 3))
    base = keras.applications.VGG16 if "vgg" in name else keras.applications.MobileNetV2
    if nested:
        x = base(weights=None, include_top=False, input_shape=(224, 224, 3))(image)
    else:
        x = base(weights=None, include_top=False, input_tensor=image).output
    if name.endswith("cam"):
        x = layers.GlobalAveragePooling2D()(x)
    else:
        x = layers.Flatten()(layers.AveragePooling2D(pool_size=(4, 4))(x))
        x = layers.ReLU()(layers.BatchNormalization()(layers.Dense(64)(x)))
        x = layers.Dropout(0.5)(x)
    model = keras.Model(image, layers.Dense(3, activation="softmax")(x))
    values = []
    for weight in model.weights:
        array = keras.ops.convert_to_numpy(weight)
        if "variance" in weight.path:
            array = rng.uniform(0.5, 2, array.shape)
        elif array.ndim == 1:
            array = rng.normal(1.0 if "gamma" in weight.path else 0.0, 0.1, array.shape)
        values.append(np.asarray(array, np.float32))
    model.set_weights(values)
    return model


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("name", ["pocovid-vgg16", "pocovid-vgg16-cam", "pocovid-mobilenet-v2"])
@pytest.mark.filterwarnings("ignore")
def test_imported_network_gives_what_keras_gives(name, nested, tmp_path):
    rng = np.random.default_rng(0)
    model = built(name, rng, nested)
    frames = rng.integers(0, 256, (2, 224, 224), dtype=np.uint8)
    both = keras.Model(model.input, [model.layers[-2].output, model.output])
    images = np.repeat(frames[..., None], 3, -1).astype(np.float32) / 255
    wanted = np.concatenate([keras.ops.convert_to_numpy(part) for part in both(images, training=False)], 1)
    for file, save in (("w.weights.h5", model.save_weights), ("w.keras", model.save), ("w.h5", model.save)):
        save(tmp_path / file)
        got = encoders.get(name, weights=tmp_path / file).forward(frames)
        np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-5)
