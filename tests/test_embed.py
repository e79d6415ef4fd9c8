import dataclasses
import errno
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from blues import embed as package
from blues import encoders, video
from blues.check import InputError
from blues.cohort import Cohort
from blues.embed import Embeddings, embed, main, pipeline, store, work
from blues.encoders import Preprocessing, nets
from blues.provenance import file_hash

CLIPS = 8


@dataclasses.dataclass(frozen=True)
class Fake:
    """An encoder whose three features are the mean, the darkest column and the brightest row; counts what it is asked."""

    name: str = "fake"
    dimensions: int = 3
    feature_names: tuple = ("mean", "column", "row")
    preprocessing: Preprocessing = Preprocessing(rate=5.0, most=6, geometry="full", size=(16, 24))
    card: dict = dataclasses.field(default_factory=lambda: {"saw": ["somebody"], "note": ""})
    hash: str = "0" * 64
    calls: list = dataclasses.field(default_factory=list)

    def forward(self, frames):
        assert frames.dtype == np.uint8
        assert frames.shape[1:] == (16, 24)
        self.calls.append(len(frames))
        values = frames.astype(np.float32)
        return np.stack([values.mean((1, 2)), values.mean(1).min(1), values.mean(2).max(1)], 1)


def make_cohort(folder, clips=CLIPS):
    """Write clips of differing length; every clip has its own gray level."""
    rng = np.random.default_rng(0)
    (folder / "videos").mkdir(parents=True)
    rows = []
    for i in range(clips):
        frames = np.clip(rng.normal(40 + 15 * i, 8, (5 + 3 * i, 32, 48)), 0, 255).astype(np.uint8)
        name = f"p{i // 2}_R{i % 2 + 1}"
        video.write(folder / "videos" / f"{name}.mp4", frames)
        rows.append({"clip": name, "patient": str(i // 2), "point": f"R{i % 2 + 1}", "take": 1})
    table = pd.DataFrame(rows).set_index("clip")
    table["path"] = [f"videos/{clip}.mp4" for clip in table.index]
    table["bytes"] = [(folder / path).stat().st_size for path in table["path"]]
    return Cohort("made up", folder, None, pd.DataFrame(), table, pd.DataFrame(), pd.DataFrame())


def age(cohort):
    """Make the files look an hour old: fresh ones are read again on purpose."""
    for path in cohort.clips["path"]:
        os.utime(cohort.folder / path, (time.time() - 3600,) * 2)


@pytest.fixture
def cohort(tmp_path):
    return make_cohort(tmp_path / "cohort")


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


def same(a, b):
    pd.testing.assert_frame_equal(a.table, b.table)
    pd.testing.assert_frame_equal(a.quarantine, b.quarantine)
    assert np.array_equal(a.values, b.values)
    assert (a.names, a.encoder) == (b.names, b.encoder)
    return True


def test_one_row_a_clip_and_one_a_frame(cohort, cache):
    encoder = Fake()
    made = embed(cohort, encoder, cache=cache)
    assert list(made.table.columns) == ["clip", "patient", "point", "take", "first", "frames", "total", "problems"]
    assert made.table["clip"].tolist() == cohort.clips.index.tolist()
    assert made.table["patient"].tolist() == cohort.clips["patient"].tolist()
    assert made.table["total"].tolist() == [5 + 3 * i for i in range(CLIPS)]
    assert made.table["frames"].tolist() == [len(video.sample(5 + 3 * i, 25.0, 5.0, 6)) for i in range(CLIPS)]
    assert made.table["first"].tolist() == np.cumsum([0, *made.table["frames"][:-1]]).tolist()
    assert made.values.shape == (made.table["frames"].sum(), 3)
    assert made.values.dtype == np.float32
    assert made.names == encoder.feature_names
    assert made.encoder["hash"] == encoder.hash
    assert made.encoder["saw"] == ["somebody"]
    assert made.quarantine.empty
    assert list(made.quarantine.columns) == ["clip", "patient", "path", "reason"]
    for row in made.table.itertuples():
        path = cohort.folder / cohort.clips.loc[row.clip, "path"]
        frames = video.prepare(video.read(path, rate=5.0, most=6).frames, "full", (16, 24))
        assert np.array_equal(made.values[row.first : row.first + row.frames], encoder.forward(frames))


def test_values_depend_on_nothing_but_clip_and_encoder(cohort, tmp_path):
    first = embed(cohort, Fake(), cache=tmp_path / "a", workers=1)
    for workers in (2, 5, 20):
        assert same(first, embed(cohort, Fake(), cache=tmp_path / f"{workers}", workers=workers))
    assert same(first, embed(cohort, Fake(), cache=tmp_path / "a"))
    few = dataclasses.replace(cohort, clips=cohort.clips.iloc[[5, 2]])
    part = embed(few, Fake(), cache=tmp_path / "b")
    row = first.table.set_index("clip").loc["p2_R2"]
    assert part.table["clip"].tolist() == ["p2_R2", "p1_R1"]
    assert np.array_equal(part.values[: row["frames"]], first.values[row["first"] : row["first"] + row["frames"]])


@pytest.mark.parametrize("name", ["frame-stats", "random-cnn"])
def test_real_encoders_do_not_see_the_neighbours(cohort, tmp_path, name):
    """To the last bit, whatever is beside a clip, however many threads decode, whether by name or by object."""
    encoder = encoders.get(name)
    first = embed(cohort, encoder, cache=tmp_path / "a", workers=1)
    backwards = dataclasses.replace(cohort, clips=cohort.clips.iloc[::-1])
    other = embed(backwards, name, cache=tmp_path / "b", workers=3)
    assert first.values.shape == (first.table["frames"].sum(), encoder.dimensions)
    for clip in cohort.clips.index:
        a, b = (
            made.values[row["first"] : row["first"] + row["frames"]]
            for made in (first, other)
            for row in [made.table.set_index("clip").loc[clip]]
        )
        assert np.array_equal(a, b)


def test_second_run_is_looked_up(cohort, cache):
    age(cohort)
    first = embed(cohort, Fake(), cache=cache)
    encoder = Fake()
    assert same(first, embed(cohort, encoder, cache=cache))
    assert encoder.calls == []


def test_cached_run_reads_no_clip(cohort, cache, monkeypatch):
    """Not even for hashing: only the time stamps are looked at. Time stamps younger than two seconds are not trusted."""
    monkeypatch.setattr(store, "FRESH", 0)
    time.sleep(0.02)
    first = embed(cohort, Fake(), cache=cache)
    monkeypatch.setattr(
        store, "file_hash", lambda path: pytest.fail(f"{path} was read") if path.suffix == ".mp4" else ""
    )
    monkeypatch.setattr(video, "read", lambda *a, **k: pytest.fail("a clip was decoded"))
    monkeypatch.setattr(store, "file_hash", _hash_of_all_but_clips)
    assert same(first, embed(cohort, Fake(), cache=cache))


def _hash_of_all_but_clips(path):
    assert Path(path).suffix != ".mp4", f"{path} was read"
    return file_hash(path)


def test_changed_clip_is_seen_even_with_old_time_stamps(cohort, cache):
    age(cohort)
    first = embed(cohort, Fake(), cache=cache)
    path = cohort.folder / cohort.clips["path"].iloc[0]
    old = path.stat()
    data = path.read_bytes()
    other = cohort.folder / cohort.clips["path"].iloc[-1]
    path.write_bytes(other.read_bytes())
    os.utime(path, ns=(old.st_atime_ns, old.st_mtime_ns))
    second = embed(cohort, Fake(), cache=cache)
    assert second.table["total"].iloc[0] == second.table["total"].iloc[-1]
    path.write_bytes(data)
    assert same(first, embed(cohort, Fake(), cache=cache))


def test_only_what_changed_is_computed_again(cohort, cache):
    embed(cohort, Fake(), cache=cache)
    frames = np.full((9, 32, 48), 77, np.uint8)
    video.write(cohort.folder / cohort.clips["path"].iloc[3], frames)
    encoder = Fake()
    made = embed(cohort, encoder, cache=cache)
    assert len(encoder.calls) == 1
    assert abs(made.values[made.table["first"].iloc[3], 0] - 77) < 1


def test_encoder_preprocessing_and_decoder_are_part_of_the_key(cohort, cache, monkeypatch):
    embed(cohort, Fake(), cache=cache)
    changes = [
        Fake(hash="1" * 64),
        Fake(preprocessing=Preprocessing(rate=2.0, most=6, geometry="full", size=(16, 24))),
        Fake(preprocessing=Preprocessing(rate=5.0, most=2, geometry="full", size=(16, 24))),
        Fake(preprocessing=Preprocessing(rate=5.0, most=6, geometry="sector", size=(16, 24))),
    ]
    for encoder in changes:
        embed(cohort, encoder, cache=cache)
        assert len(encoder.calls) == CLIPS
    monkeypatch.setattr(video, "decoder_version", lambda: "another")
    encoder = Fake()
    embed(cohort, encoder, cache=cache)
    assert len(encoder.calls) == CLIPS


def entries(cache):
    return sorted(p for p in cache.glob("??/*.npy") if not p.name.startswith("."))


@pytest.mark.parametrize("damage", ["cut", "flip", "empty", "text", "gone"])
@pytest.mark.parametrize("which", ["clip", "run", "run record", "index"])
def test_damaged_cache_is_noticed_and_made_again(cohort, cache, damage, which):
    age(cohort)
    first = embed(cohort, Fake(), cache=cache)
    expected = {"table": first.table.copy(), "values": np.array(first.values)}
    runs = list(cache.glob("runs/*.npy"))
    assert len(entries(cache)) == CLIPS
    if which == "clip":
        runs[0].unlink()
    victim = {
        "clip": entries(cache)[0],
        "run": runs[0],
        "run record": next(cache.glob("runs/*.json")),
        "index": next(cache.glob("contents/*.json"), cache / "none"),
    }[which]
    data = bytearray(victim.read_bytes()) if victim.exists() else bytearray(b"{}")
    victim.unlink(missing_ok=True)
    if damage == "cut":
        victim.write_bytes(data[: len(data) * 2 // 3])
    elif damage == "flip":
        data[len(data) * 2 // 3] ^= 0x04
        victim.write_bytes(data)
    elif damage != "gone":
        victim.write_bytes(b"" if damage == "empty" else b"something else\n" * 20)
    encoder = Fake()
    again = embed(cohort, encoder, cache=cache)
    assert again.quarantine.empty, again.quarantine.to_dict("records")
    pd.testing.assert_frame_equal(again.table, expected["table"])
    assert np.array_equal(again.values, expected["values"])
    assert len(encoder.calls) == (1 if which == "clip" else 0)


KILLED = """
import sys, time
from pathlib import Path
sys.path.insert(0, {tests!r})
import test_embed
from blues.embed import embed

class Slow(test_embed.Fake):
    def forward(self, frames):
        if len(self.calls) == 3:
            print("in the middle", flush=True)
            time.sleep(60)
        return super().forward(frames)

embed(test_embed.open_cohort(Path({folder!r})), Slow(), cache={cache!r}, workers=2)
"""


def open_cohort(folder):
    """Open what make_cohort wrote."""
    table = pd.read_csv(folder / "clips.csv", dtype={"patient": str}, index_col="clip")
    return Cohort("made up", folder, None, pd.DataFrame(), table, pd.DataFrame(), pd.DataFrame())


def test_killed_run_goes_on_where_it_was(cohort, cache, tmp_path):
    cohort.clips.to_csv(cohort.folder / "clips.csv")
    code = KILLED.format(tests=str(Path(__file__).parent), folder=str(cohort.folder), cache=str(cache))
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "in the middle\n"
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert len(entries(cache)) == 3
    encoder = Fake()
    resumed = embed(cohort, encoder, cache=cache)
    assert len(encoder.calls) == CLIPS - 3
    assert same(resumed, embed(cohort, Fake(), cache=tmp_path / "other"))


@pytest.mark.slow
def test_killed_at_any_moment_it_ends_the_same(cohort, cache, tmp_path):
    cohort.clips.to_csv(cohort.folder / "clips.csv")
    code = KILLED.format(tests=str(Path(__file__).parent), folder=str(cohort.folder), cache=str(cache))
    code = code.replace('print("in the middle", flush=True)', "pass").replace("time.sleep(60)", "time.sleep(0.01)")
    code = code.replace("embed(test_embed", 'print("go", flush=True)\nembed(test_embed')
    for wait in (0.01, 0.03, 0.1):
        process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        assert process.stdout.readline() == "go\n"
        time.sleep(wait)
        process.kill()
        process.wait()
        process.stdout.close()
    assert same(embed(cohort, Fake(), cache=cache), embed(cohort, Fake(), cache=tmp_path / "other"))


def test_stopping_leaves_no_thread_and_keeps_what_is_finished(cohort, cache):
    class Stopped(Fake):
        def forward(self, frames):
            if len(self.calls) == 2:
                raise KeyboardInterrupt
            return super().forward(frames)

    with pytest.raises(KeyboardInterrupt):
        embed(cohort, Stopped(), cache=cache, workers=2)
    assert not [t for t in threading.enumerate() if t.name.startswith("decode")]
    assert len(entries(cache)) == 2


def test_unreadable_clips_go_to_quarantine_and_the_rest_goes_on(cohort, cache, tmp_path):
    whole = embed(cohort, Fake(), cache=cache)
    paths = [cohort.folder / path for path in cohort.clips["path"]]
    paths[1].write_bytes(b"")
    paths[4].write_text("no video")
    paths[6].unlink()
    paths[7].unlink()
    paths[7].mkdir()
    for _ in range(2):
        made = embed(cohort, Fake(), cache=cache)
        assert made.table["clip"].tolist() == [cohort.clips.index[i] for i in (0, 2, 3, 5)]
        assert made.quarantine["clip"].tolist() == [cohort.clips.index[i] for i in (1, 4, 6, 7)]
        assert made.quarantine["patient"].tolist() == ["0", "2", "3", "3"]
        reasons = made.quarantine["reason"].tolist()
        for reason, word in zip(reasons, ("empty", "text", "No such file", "Is a directory"), strict=True):
            assert word in reason
        assert not any(str(cohort.folder) in reason for reason in reasons)
        row = whole.table.iloc[5]
        assert np.array_equal(
            made.values[made.table["first"].iloc[3] :], whole.values[row["first"] : row["first"] + row["frames"]]
        )
    made.save(tmp_path / "out")
    saved = pd.read_csv(tmp_path / "out" / "quarantine.csv")
    assert saved["clip"].tolist() == made.quarantine["clip"].tolist()


def test_damaged_clip_is_used_and_said(cohort, cache):
    path = cohort.folder / cohort.clips["path"].iloc[-1]
    data = bytearray(path.read_bytes())
    middle = data.index(b"mdat") + (len(data) - data.index(b"mdat")) // 2
    data[middle : middle + 1500] = bytes(1500)
    path.write_bytes(data)
    made = embed(cohort, Fake(), cache=cache)
    assert len(made.table) == CLIPS
    assert "frames are usable" in made.table["problems"].iloc[-1]
    assert (made.table["problems"].iloc[:-1] == "").all()
    assert "p3_R2: " in package.command.summary(made)


def test_odd_failure_of_one_clip_is_kept_with_its_type(cohort, cache, monkeypatch):
    real = video.read

    def failing(path, **settings):
        if path.stem == "p1_R1":
            raise ZeroDivisionError("odd")
        return real(path, **settings)

    monkeypatch.setattr(video, "read", failing)
    made = embed(cohort, Fake(), cache=cache)
    assert made.quarantine["reason"].tolist() == ["ZeroDivisionError: odd"]


def test_no_readable_clip_at_all_is_an_error(cohort, cache):
    for path in cohort.clips["path"]:
        (cohort.folder / path).write_bytes(b"")
    with pytest.raises(InputError, match="none of the 8 clips can be read; the first: the file is empty"):
        embed(cohort, Fake(), cache=cache)
    with pytest.raises(InputError, match="has no clips"):
        embed(dataclasses.replace(cohort, clips=cohort.clips.iloc[:0]), Fake(), cache=cache)


def test_wrong_calls_are_refused(cohort, cache):
    with pytest.raises(InputError, match="weights are for an encoder given by name"):
        embed(cohort, Fake(), weights="x.pt", cache=cache)
    with pytest.raises(InputError, match="Nearest: 'frame-stats'"):
        embed(cohort, "frame-stat", cache=cache)
    with pytest.raises(InputError, match="at least 1"):
        embed(cohort, Fake(), cache=cache, workers=0)

    class Wrong(Fake):
        def forward(self, frames):
            return super().forward(frames)[:, :2]

    with pytest.raises(InputError, match=r"shape \(1, 2\) for 1 frames of videos/p0_R1.mp4"):
        embed(cohort, Wrong(), cache=cache)


def test_full_disk_is_said_and_what_is_finished_stays(cohort, cache, monkeypatch):
    real, calls = Path.write_bytes, []

    def full(path, data):
        if path.suffix == ".npy":
            calls.append(path)
            if len(calls) > 3:
                raise OSError(errno.ENOSPC, "No space left on device")
        return real(path, data)

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(InputError, match=r"the disk is full.*BLUES_CACHE"):
        embed(cohort, Fake(), cache=cache)
    monkeypatch.undo()
    assert len(entries(cache)) == 3
    assert not list(cache.glob("??/.*"))
    encoder = Fake()
    embed(cohort, encoder, cache=cache)
    assert len(encoder.calls) == CLIPS - 3


def test_cache_that_cannot_be_made_is_said(cohort, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match=r"cache cannot be written.*BLUES_CACHE"):
        embed(cohort, Fake(), cache=tmp_path / "file" / "cache")


def test_default_cache_lies_in_the_cache_folder(cohort, tmp_path, monkeypatch):
    monkeypatch.setenv("BLUES_CACHE", str(tmp_path / "elsewhere"))
    embed(cohort, Fake())
    assert len(entries(tmp_path / "elsewhere" / "embeddings")) == CLIPS


def test_save_and_load(cohort, cache, tmp_path):
    (cohort.folder / cohort.clips["path"].iloc[1]).write_bytes(b"")
    made = embed(cohort, Fake(), cache=cache)
    folder = made.save(tmp_path / "out" / "deep")
    assert sorted(p.name for p in folder.iterdir()) == ["encoder.json", "quarantine.csv", "table.csv", "values.npy"]
    loaded = Embeddings.load(folder)
    assert same(made, loaded)
    assert isinstance(loaded.values, np.memmap)
    assert loaded.table["patient"].map(type).eq(str).all()
    loaded.save(folder)
    assert same(made, Embeddings.load(folder))
    (folder / "table.csv").write_text("\n".join((folder / "table.csv").read_text().splitlines()[:-1]))
    with pytest.raises(InputError, match="the table counts"):
        Embeddings.load(folder)
    (folder / "values.npy").unlink()
    with pytest.raises(InputError, match=r"values.npy: no such file"):
        Embeddings.load(folder)


def test_a_filtered_table_is_saved_with_its_own_values_and_a_wrong_one_is_refused(cohort, cache, tmp_path):
    made = embed(cohort, Fake(), cache=cache)
    part = dataclasses.replace(made, table=made.table.iloc[[2, 0]].reset_index(drop=True))
    loaded = Embeddings.load(part.save(tmp_path / "part"))
    for old, new in zip(part.table.itertuples(), loaded.table.itertuples(), strict=True):
        wanted = made.values[old.first : old.first + old.frames]
        np.testing.assert_array_equal(loaded.values[new.first : new.first + new.frames], wanted)
    table = loaded.table.assign(first=loaded.table["first"].to_numpy()[::-1] * 0)
    table.to_csv(tmp_path / "part" / "table.csv", index=False)
    with pytest.raises(InputError, match="share frames"):
        Embeddings.load(tmp_path / "part")
    none = dataclasses.replace(made, table=made.table.iloc[:0])
    assert len(Embeddings.load(none.save(tmp_path / "none")).values) == 0


def test_values_are_mapped_not_held(cohort, cache):
    made = embed(cohort, Fake(), cache=cache)
    assert isinstance(made.values, np.memmap)
    assert not made.values.flags.writeable


def test_few_clips_are_in_memory_at_once(cohort, cache, monkeypatch):
    """Decoding waits for the encoder: what is prepared ahead is bounded however many clips there are."""
    lock, state = threading.Lock(), {"ahead": 0, "most": 0}
    real = video.prepare

    def counted(*args):
        with lock:
            state["ahead"] += 1
            state["most"] = max(state["most"], state["ahead"])
        return real(*args)

    class Slow(Fake):
        def forward(self, frames):
            time.sleep(0.03)
            with lock:
                state["ahead"] -= 1
            return super().forward(frames)

    monkeypatch.setattr(video, "prepare", counted)
    embed(cohort, Slow(), cache=cache, workers=1)
    assert state["most"] <= 4


def test_torch_threads_stay_as_they_were(cohort, cache):
    import torch

    before = torch.get_num_threads()
    embed(cohort, "random-cnn", cache=cache)
    assert torch.get_num_threads() == before


@pytest.mark.parametrize("name", ["blues-lus", "random-cnn"])
def test_values_do_not_depend_on_torchs_threads(cohort, tmp_path, name):
    """Small networks run in one thread a clip; with more, their last digits would differ from machine to machine."""
    import torch

    before = torch.get_num_threads()
    try:
        made = []
        for threads in (1, 3):
            torch.set_num_threads(threads)
            made.append(embed(cohort, name, cache=tmp_path / str(threads), workers=2))
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    assert same(*made)


def test_large_networks_run_one_clip_at_a_time(cohort, tmp_path, monkeypatch):
    """In the calling thread: several at once would multiply the memory."""
    from blues.encoders import Encoder

    seen = []
    forward = Encoder.forward
    monkeypatch.setattr(
        Encoder, "forward", lambda self, frames: (seen.append(threading.get_ident()), forward(self, frames))[1]
    )
    embed(cohort, "random-cnn", cache=tmp_path / "a", workers=2)
    assert threading.get_ident() not in seen
    seen.clear()
    monkeypatch.setattr(work, "SMALL", 10)
    embed(cohort, "random-cnn", cache=tmp_path / "b", workers=2)
    assert set(seen) == {threading.get_ident()}


def test_progress_is_shown_on_a_terminal_only(cohort, cache, monkeypatch, capsys):
    embed(cohort, Fake(), cache=cache)
    assert capsys.readouterr() == ("", "")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    embed(cohort, Fake(hash="2" * 64), cache=cache)
    shown = capsys.readouterr().err
    assert "fake: 100%" in shown
    assert "8/8" in shown
    assert " clips/s" in shown
    embed(cohort, Fake(hash="3" * 64), cache=cache, progress=False)
    assert capsys.readouterr().err == ""


def test_command_writes_what_load_reads(cohort, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(pipeline.encoders, "get", lambda name, weights=None: Fake(name=name))
    monkeypatch.setattr("blues.datasets.load", lambda name: cohort)
    (cohort.folder / cohort.clips["path"].iloc[0]).write_bytes(b"")
    out = tmp_path / "out"
    assert main([str(cohort.folder), "--encoder", "mine", "--out", str(out), "--cache", str(tmp_path / "c")]) == 0
    printed = capsys.readouterr().out
    assert "7 clips of 4 patients" in printed
    assert "3 features a frame by mine" in printed
    assert "p0_R1: the file is empty" in printed
    assert Embeddings.load(out).encoder["name"] == "mine"
    assert json.loads((out / "encoder.json").read_text())["names"] == ["mean", "column", "row"]


def test_command_says_what_is_wrong_in_one_line(tmp_path, capsys):
    assert main([str(tmp_path / "nowhere")]) == 2
    error = capsys.readouterr().err
    assert error.startswith("python -m blues.embed: error: ")
    assert error.count("\n") == 1


def test_runs_as_a_module():
    command = [sys.executable, "-m", "blues.embed", "folder", "--workers", "many"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("python -m blues.embed: error: workers")
    assert done.stderr.count("\n") == 1


@pytest.mark.real
@pytest.mark.slow
def test_real_cohort_embeds(real_cohort_folder, tmp_path):
    from blues.cohort import read

    cohort = read(real_cohort_folder)
    few = dataclasses.replace(cohort, clips=cohort.clips.iloc[::12])
    made = embed(few, "frame-stats", cache=tmp_path)
    assert len(made.table) == len(few.clips)
    assert made.quarantine.empty
    assert np.isfinite(made.values).all()


def test_clip_that_is_no_lung_ultrasound_is_named_beside_what_is_damaged(cohort, cache):
    """The clips get lighter one by one: by an encoder for which light is lung, the first do not look like it."""

    class Light(Fake):
        def forward(self, frames):
            return super().forward(frames) / 160

    encoder = Light(feature_names=("lus", "column", "row"), card={"saw": [], "note": "", "outputs": ["lus"]})
    assert embed(cohort, encoder, cache=cache).strange == []  # nobody knows what a network of one's own calls so
    own = {"architecture": "lus_net, 3 members", **encoder.card}
    made = embed(cohort, dataclasses.replace(encoder, card=own, hash="1"), cache=cache)
    light = made.values[made.table["first"], 0]
    assert made.strange == made.table["clip"][light < 0.5].tolist()
    assert 0 < len(made.strange) < CLIPS


class Keeps(torch.nn.Module):
    """Keeps what a layer gives in itself, and notes which thread ran it."""

    def __init__(self):
        super().__init__()
        self.layer, self.threads = torch.nn.Conv2d(1, 4, 3, 2), set()

    def forward(self, x):
        self.threads.add(threading.current_thread())
        self.kept = self.layer(x)
        return self.kept.mean((2, 3))


def hooked():
    net = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3, 2), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())
    net.threads = set()
    net[0].register_forward_hook(lambda *given: net.threads.add(threading.current_thread()))
    return net


def encoder_of(module, names=("a", "b", "c", "d"), **fields):
    fields = {"card": {"saw": [], "outputs": []}, **fields}
    look = Preprocessing(rate=5.0, most=6, geometry="full", size=(16, 24))
    return encoders.Encoder("mine", "mine", names, look, module=module.eval(), **fields)


@pytest.mark.parametrize("make", [Keeps, hooked])
def test_a_network_that_may_keep_something_is_run_by_one_thread(cohort, cache, make):
    with torch.random.fork_rng(devices=[]):
        net = make()
    assert not work.side_by_side(encoder_of(net))
    embed(cohort, encoder_of(net), cache=cache, workers=4)
    assert net.threads == {threading.current_thread()}


def test_on_a_worker_of_a_cluster_such_networks_take_turns(cohort, cache, monkeypatch):
    locked = []
    monkeypatch.setattr(work, "encode", lambda *given: locked.append(work.ONE.locked()))
    for net in (Keeps(), torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(2), torch.nn.Flatten())):
        made = work.Work(cohort, encoder_of(net), store.Store(cache), store.Contents(cache, cohort.folder))
        work.finish(made, cohort.clips["path"].iloc[0])
    assert locked == [True, False]


def test_networks_of_torch_and_of_this_package_are_run_side_by_side():
    assert work.light(encoders.get("blues-lus"))
    assert work.light(encoder_of(torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(2), torch.nn.Flatten())))
    assert work.side_by_side(encoders.get("frame-stats"))
    assert not work.side_by_side(Fake())


def test_a_network_trained_on_is_embedded_anew(cohort, cache):
    """With the same encoder, and with another of the same hand-written hash."""
    with torch.random.fork_rng(devices=[]):
        net = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(1, 4))
    encoder = encoder_of(net, hash="mine")
    first = embed(cohort, encoder, cache=cache)
    assert same(first, embed(cohort, encoder_of(net, hash="mine"), cache=cache))
    with torch.no_grad():
        net[2].weight.mul_(2)
        net[2].bias.mul_(2)
    for one in (encoder, encoder_of(net, hash="mine")):
        again = embed(cohort, one, cache=cache)
        np.testing.assert_allclose(again.values, 2 * first.values, rtol=1e-5)
        assert again.encoder["weights"] != first.encoder["weights"]


def test_a_path_is_a_weight_file_and_a_bare_network_is_told(cohort, cache, tmp_path):
    net = nets.build("small_cnn")
    torch.save(net.state_dict(), tmp_path / "w.pt")
    assert same(embed(cohort, tmp_path / "w.pt", cache=cache), embed(cohort, str(tmp_path / "w.pt"), cache=cache))
    with pytest.raises(InputError, match=r"encoder is a SmallCnn. Allowed: an Encoder, .*Wrap a network"):
        embed(cohort, net, cache=cache)
