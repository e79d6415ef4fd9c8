"""What a user can get wrong, tried at the command line: one line that says what, where and how to mend it, no traceback."""

import json

import pytest
import safetensors.torch
import small_cohort
import torch

from blues import agree, check, cohort, datasets, embed, fuse, pretrain, report
from blues.agree.command import Show
from blues.encoders import lus, nets, pocovid
from blues.explain.command import main as explain_main

FLAGS = [
    "--modalities",
    "image",
    "--repeats",
    "1",
    "--null",
    "0",
    "--draws",
    "100",
    "--jobs",
    "1",
    "--model",
    "logistic",
]


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("BLUES_CACHE", str(tmp_path / "cache"))


def said(capsys, main, arguments):
    """Return the one line of error of a command that must fail."""
    capsys.readouterr()
    assert main([str(argument) for argument in arguments]) == 2
    error = capsys.readouterr().err
    assert "Traceback" not in error
    assert error.count("\n") == 1
    return error


def both(capsys, folder, *arguments):
    """Return what blues.embed and blues.fuse say about the same encoder, which must be the same words."""
    lines = [
        said(capsys, embed.main, [folder, *arguments]),
        said(capsys, fuse.main, [folder, "--task", "pcr", *FLAGS, *arguments]),
    ]
    words = [line.split(": error: ")[1] for line in lines]
    assert words[0] == words[1]
    return words[0]


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_wrong_shape_of_a_state_dict_is_named(tmp_path, capsys, suffix):
    (tmp_path / "c").mkdir()
    folder = small_cohort.write(tmp_path / "c")
    state = nets.build("small_cnn", channels=1, planes=16, stages=4).state_dict()
    state["features.2.0.weight"] = torch.zeros(64, 32, 5, 5)
    path = tmp_path / f"wrong{suffix}"
    if suffix == ".pt":
        torch.save(state, path)
    else:
        safetensors.torch.save_file(state, path)
    for arguments in (["--encoder", "checkpoint", "--weights", path], ["--encoder", path]):
        line = both(capsys, folder, *arguments)
        for part in ("wrong" + suffix, "'features.2.0.weight'", "(64, 32, 5, 5)", "expects (64, 32, 3, 3)"):
            assert part in line


def test_wrong_shape_of_blues_lus_is_named(tmp_path, capsys):
    (tmp_path / "c").mkdir()
    folder = small_cohort.write(tmp_path / "c")
    net = lus.LusNet()
    state = net.state_dict() | {"head.weight": torch.zeros(15, 90)}
    for arguments, parts in (
        (net.arguments, ("'head.weight'", "(15, 90)", "expects (15, 96)")),
        ({"plane": 3}, ("{'plane': 3}", "planes and dimensions")),
    ):
        header = {"architecture": "lus_net", "arguments": arguments, "card": {}}
        safetensors.torch.save_file(state, tmp_path / "net.safetensors", metadata={"blues": json.dumps(header)})
        line = both(capsys, folder, "--encoder", tmp_path / "net.safetensors")
        for part in ("net.safetensors", *parts):
            assert part in line


def test_wrong_shape_of_keras_weights_is_named(tmp_path, capsys):
    h5py = pytest.importorskip("h5py")
    (tmp_path / "c").mkdir()
    folder = small_cohort.write(tmp_path / "c")
    net = pocovid.PocovidNet(pocovid.KINDS["pocovid-vgg16-cam"], 3)
    path = tmp_path / "weights.h5"
    with h5py.File(path, "w") as file:
        names = []
        slots = [m for m in net.modules() if isinstance(m, torch.nn.Conv2d | torch.nn.Linear)]
        for number, module in enumerate(slots):
            name = f"layer_{number}"
            kernel = module.weight.detach().numpy()
            kernel = kernel.transpose(2, 3, 1, 0) if kernel.ndim == 4 else kernel.T
            kernel = kernel[:, :, :, :-1] if number == 3 else kernel
            group = file.create_group(name)
            for kind, array in (("kernel", kernel), ("bias", module.bias.detach().numpy())):
                group[f"{name}/{kind}:0"] = array
            group.attrs["weight_names"] = [f"{name}/kernel:0".encode(), f"{name}/bias:0".encode()]
            names.append(name.encode())
        file.attrs["layer_names"] = names
    line = both(capsys, folder, "--encoder", "pocovid-vgg16-cam", "--weights", path)
    for part in ("weights.h5", "'layer_3'", "kernel", "(3, 3, 128, 127)", "expects (3, 3, 128, 128)"):
        assert part in line
    line = both(capsys, folder, "--encoder", "pocovid-vgg16", "--weights", path)
    assert "Is it of another network" in line


def test_weights_that_are_not_there_or_not_wanted(tmp_path, capsys):
    (tmp_path / "c").mkdir()
    folder = small_cohort.write(tmp_path / "c")
    assert "no such weight file" in both(capsys, folder, "--encoder", "checkpoint", "--weights", tmp_path / "no.pt")
    assert "blues-lus takes no weights" in both(capsys, folder, "--weights", tmp_path / "no.pt")
    assert "needs its published weights" in both(capsys, folder, "--encoder", "pocovid-vgg16")


def test_empty_folder_and_folder_without_clips(tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    (tmp_path / "bare" / "videos").mkdir(parents=True)
    small_cohort.write(tmp_path / "bare", clips=None)
    for name, part in (("empty", "python -m blues.cohort init"), ("bare", "holds no clips")):
        for main, more in ((cohort.main, []), (embed.main, []), (fuse.main, FLAGS)):
            assert part in said(capsys, main, [tmp_path / name, *more])


@pytest.mark.slow
def test_what_is_not_used_is_said_by_embed_and_fuse(tmp_path, capsys):
    folder = tmp_path / "cohort"
    datasets.synthetic(folder, patients=16, frames=8, size=64)
    clinical = (folder / "clinical.csv").read_text().splitlines()
    column = clinical[0].split(",").index("age")
    cells = clinical[4].split(",")
    cells[column] = "about 60"
    clinical[4] = ",".join(cells)
    (folder / "clinical.csv").write_text("\n".join(clinical) + "\n")
    clip = next((folder / "videos").glob("*_L1.mp4"))
    (folder / "videos" / "patient_999_L1.mp4").write_bytes(clip.read_bytes())
    more = ["--encoder", "frame-stats"]
    for main, flags in (
        (embed.main, more),
        (fuse.main, [*FLAGS, *more, "--explain", "none", "--out", str(tmp_path / "run")]),
    ):
        assert main([str(folder), *flags]) == 0
        error = capsys.readouterr().err
        assert "clinical.csv row 5, age, 'about 60': text where a number is expected; no value" in error
        assert "patient_999_L1.mp4: a clip of a patient who is not in clinical.csv; left out" in error


@pytest.mark.parametrize(
    ("main", "words"),
    [
        (agree.main, ["ratings"]),
        (agree.main, ["sheet", "folder"]),
        (embed.main, ["folder"]),
        (explain_main, ["folder"]),
        (fuse.main, ["folder", "--task", "pcr"]),
        (pretrain.main, []),
        (report.main, ["patient", "run", "P01"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else value.__module__,
)
def test_a_page_named_where_a_folder_is_written_is_refused(tmp_path, capsys, main, words):
    there = tmp_path / "there"
    there.write_text("a file")
    for place, why in ((tmp_path / "agree.html", "ends in .html as a file does"), (there, "is a file")):
        error = said(capsys, main, [*words, "--out", place])
        assert f"--out {place} {why}, and a folder is expected" in error
        assert f"such as --out {place.with_suffix('')}" in error
    assert [p.name for p in tmp_path.iterdir()] == ["there"]


def test_a_folder_may_have_a_dot_or_be_there_already(tmp_path):
    def named(place):
        return check.parse(Show, ["ratings", "--out", str(place)], prog="x", description="x").out

    (tmp_path / "agree.html").mkdir()
    assert [named(tmp_path / name).name for name in ("run.v2", "agree.html")] == ["run.v2", "agree.html"]
