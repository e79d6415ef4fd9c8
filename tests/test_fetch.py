"""Downloads from a server on this machine: breaks, changes, hostile archives, licence, both sources."""

import hashlib
import http.server
import io
import json
import os
import threading
import urllib.request
import zipfile
from pathlib import Path

import pytest

from blues.check import InputError
from blues.datasets import address, command, download, fetch

BODY = bytes(range(256)) * 4096  # 1 MiB


class Server(http.server.ThreadingHTTPServer):
    """Serves ``files`` (path to bytes); each knob says what the next answers do wrong."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files, self.seen, self.headers = {}, [], {}
        self.cuts, self.statuses = [], []
        self.etag, self.ranges, self.heeds_if_range, self.chunked = '"one"', True, True, False
        self.vouches = True

    def url(self, path):
        return f"http://127.0.0.1:{self.server_port}{path}"


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def do_GET(self):
        server = self.server
        server.seen.append((self.path, dict(self.headers)))
        if server.statuses:
            status, headers = server.statuses.pop(0)
            return self.answer(status, headers, b"")
        body = server.files.get(self.path)
        if body is None:
            return self.answer(404, {}, b"")
        start, status, headers = 0, 200, dict(server.headers.get(self.path, {}))
        if server.etag:
            headers["ETag"] = server.etag
        wanted = self.headers.get("Range")
        if wanted and server.ranges and (not server.heeds_if_range or self.headers.get("If-Range") == server.etag):
            start = int(wanted.removeprefix("bytes=").rstrip("-"))
            if start >= len(body):
                return self.answer(416, {"Content-Range": f"bytes */{len(body)}"}, b"")
            status, headers["Content-Range"] = 206, f"bytes {start}-{len(body) - 1}/{len(body)}"
            if not server.vouches:
                del headers["ETag"]
        self.answer(status, headers, body[start:], server.cuts.pop(0) if server.cuts else None)

    def answer(self, status, headers, body, cut=None):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        chunked = self.server.chunked
        self.send_header(*(("Transfer-Encoding", "chunked") if chunked else ("Content-Length", str(len(body)))))
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        sent = body if cut is None else body[:cut]
        if chunked:
            sent = b"%x\r\n" % len(body) + sent + (b"\r\n0\r\n\r\n" if cut is None else b"")
        self.wfile.write(sent)


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    one = Server()
    thread = threading.Thread(target=one.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield one
    one.shutdown()
    thread.join()
    one.server_close()


@pytest.fixture
def waits():
    return []


@pytest.fixture
def get(server, tmp_path, waits):
    """Download /a to tmp_path/a with recorded instead of real waits."""
    server.files["/a"] = BODY

    def run(**settings):
        return download.download(server.url("/a"), tmp_path / "a", sleep=waits.append, progress=False, **settings)

    return run


def test_download_records_the_hash_and_leaves_nothing_else(get, tmp_path, waits):
    got = get()
    assert got.path.read_bytes() == BODY
    assert got.sha256 == hashlib.sha256(BODY).hexdigest()
    assert (got.size, got.verified, got.continued) == (len(BODY), False, 0)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a"]
    assert waits == []


def test_cut_connection_goes_on_where_it_broke(get, server, waits):
    server.cuts = [700_000, 100_000]
    assert get().path.read_bytes() == BODY
    ranges = [headers.get("Range") for _, headers in server.seen]
    assert ranges == [None, "bytes=700000-", "bytes=800000-"]
    assert server.seen[1][1]["If-Range"] == '"one"'
    assert waits == [1, 2]


def test_later_run_goes_on(get, server, tmp_path):
    server.cuts = [600_000]
    with pytest.raises(
        InputError, match="the connection broke after 600000 of 1048576 bytes, 1 times in a row.*goes on"
    ):
        get(tries=1)
    assert not (tmp_path / "a").exists()
    got = get(tries=1)
    assert got.continued == 600_000
    assert got.path.read_bytes() == BODY


def test_cut_chunked_answer_is_noticed(get, server, waits):
    server.chunked = True
    server.cuts = [700_000]
    assert get().path.read_bytes() == BODY
    assert len(waits) == 1


def test_server_that_ignores_range_starts_over(get, server):
    server.ranges = False
    server.cuts = [700_000]
    assert get().path.read_bytes() == BODY
    assert [h.get("Range") for _, h in server.seen] == [None, "bytes=700000-"]


def test_without_validator_nothing_is_joined(get, server):
    server.etag = None
    server.cuts = [700_000]
    assert get().path.read_bytes() == BODY
    assert [h.get("Range") for _, h in server.seen] == [None, None]


@pytest.mark.parametrize("heeds", [True, False])
def test_file_changed_between_tries_starts_over(get, server, tmp_path, heeds):
    server.cuts = [600_000]
    with pytest.raises(InputError):
        get(tries=1)
    server.files["/a"], server.etag, server.heeds_if_range = BODY[::-1], '"two"', heeds
    got = get()
    assert got.path.read_bytes() == BODY[::-1]
    assert got.continued == 0


def test_a_part_that_nobody_vouches_for_is_not_stitched_on(get, server):
    server.cuts = [600_000]
    with pytest.raises(InputError):
        get(tries=1)
    server.files["/a"], server.etag = BODY[::-1], '"two"'
    server.heeds_if_range = server.vouches = False
    got = get()
    assert got.path.read_bytes() == BODY[::-1]
    assert got.continued == 0


def test_file_that_shrank_starts_over(get, server):
    server.cuts = [600_000]
    with pytest.raises(InputError):
        get(tries=1)
    server.files["/a"] = BODY[:1000]
    assert get().path.read_bytes() == BODY[:1000]


@pytest.mark.parametrize("total", [len(BODY), None])
def test_part_as_long_as_another_file_is_not_taken_for_it(get, server, tmp_path, total):
    (tmp_path / "a.part").write_bytes(BODY[:600_000])
    state = {"url": server.url("/a"), "validator": '"one"', "total": total}
    (tmp_path / "a.part.json").write_text(json.dumps(state))
    server.files["/a"], server.etag, server.heeds_if_range = BODY[::-1][:600_000], '"two"', False
    assert get().path.read_bytes() == BODY[::-1][:600_000]


def test_what_this_run_kept_counts_as_continued(get, server):
    server.cuts = [700_000]
    assert get().continued == 700_000


def test_part_that_is_whole_already_is_taken(get, server, tmp_path):
    (tmp_path / "a.part").write_bytes(BODY)
    state = {"url": server.url("/a"), "validator": '"one"', "total": len(BODY)}
    (tmp_path / "a.part.json").write_text(json.dumps(state))
    assert get().path.read_bytes() == BODY


def test_part_of_another_address_is_not_used(get, server, tmp_path):
    (tmp_path / "a.part").write_bytes(b"something else")
    (tmp_path / "a.part.json").write_text(json.dumps({"url": "http://elsewhere/", "validator": '"one"'}))
    assert get().path.read_bytes() == BODY
    (tmp_path / "a.part").write_bytes(b"something else")
    (tmp_path / "a.part.json").write_text("{")
    assert get().path.read_bytes() == BODY


def test_wrong_hash_and_size(get, tmp_path):
    assert get(sha256=hashlib.sha256(BODY).hexdigest().upper(), size=len(BODY)).verified
    (tmp_path / "a").unlink()
    with pytest.raises(InputError, match="is expected.*has been deleted"):
        get(sha256="0" * 64)
    with pytest.raises(InputError, match="offers 1048576 bytes, and 5 are expected"):
        get(size=5)
    assert sorted(p.name for p in tmp_path.iterdir() if not p.name.endswith(".json")) == []


def test_busy_server_is_asked_again_when_it_says(get, server, waits):
    server.statuses = [(503, {"Retry-After": "7"}), (500, {}), (429, {"Retry-After": "900"})]
    assert get().path.read_bytes() == BODY
    assert waits == [7, 2, 60]


@pytest.mark.parametrize("after", ["\N{SUPERSCRIPT TWO}", "9" * 5000, "soon"])
def test_a_time_to_wait_that_cannot_be_read_is_passed_over(get, server, waits, after):
    server.statuses = [(503, {"Retry-After": after})]
    get()
    assert waits == [1]


def test_a_tag_of_two_lines_is_no_validator(get, server):
    server.etag = '"one\r\n two"'
    server.cuts = [700_000]
    assert get().path.read_bytes() == BODY
    assert [h.get("Range") for _, h in server.seen] == [None, None]


def test_giving_up_and_plain_refusals(get, server, waits, tmp_path):
    server.statuses = [(500, {})] * 9
    with pytest.raises(InputError, match="answers 500 Internal Server Error, 5 times in a row"):
        get()
    assert waits == [1, 2, 4, 8]
    server.statuses = []
    del server.files["/a"]
    with pytest.raises(InputError, match="answers 404 Not Found.*--url"):
        get()
    assert len(waits) == 4
    with pytest.raises(InputError, match="no connection"):
        download.download("http://127.0.0.1:9/x", tmp_path / "x", tries=2, sleep=waits.append)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://example.org/a", "data:,x", "nonsense"])
def test_only_web_addresses(url, tmp_path):
    with pytest.raises(InputError, match="is no web address"):
        download.download(url, tmp_path / "x")


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("", "does not begin with http"),
        ("http://", "the host is missing"),
        ("http://:80/x", "the host is missing"),
        ("http://h:abc/x", "Port could not be cast"),
        ("http://h:99999/x", "Port out of range"),
        ("http://h:0/x", "no port 0"),
        ("http://[bad/x", "Invalid IPv6 URL"),
        ("http://a..b/x", "label empty or too long"),
        ("http://name:word@h/x", "a log-in"),
        ("http://127.0.0.1/a b.zip", "' ' must be percent-encoded"),
        ("http://127.0.0.1/\N{LATIN SMALL LETTER U WITH DIAERESIS}.zip", "must be percent-encoded"),
        ("http://127.0.0.1/\udcfc.zip", "must be percent-encoded"),
        ("http://127.0.0.1/a\n", "must be percent-encoded"),
    ],
)
@pytest.mark.parametrize("source", ["github", "huggingface"])
def test_an_address_that_no_try_can_mend_is_refused_at_once(tmp_path, monkeypatch, url, says, source):
    monkeypatch.setenv("BLUES_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(download.time, "sleep", None)
    with pytest.raises(InputError, match=f"no web address: .*{says}"):
        fetch.fetch("covid-blues", tmp_path / "x", accept_licence=True, url=url, source=source)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("target", ["http://[bad/x", "http://h:abc/x", "http://name@h/x", f"http://{'h' * 64}/"])
def test_redirection_to_no_address_is_said(get, server, waits, target):
    server.statuses = [(302, {"Location": target})]
    with pytest.raises(InputError, match="/a redirects to .*which is no web address"):
        get()
    assert waits == []


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://127.0.0.1/a"])
def test_redirection_to_anything_else_is_refused(get, server, target):
    server.statuses = [(302, {"Location": target})]
    with pytest.raises(InputError, match="not followed|not allowed"):
        get(tries=1)


def test_redirection_from_https_stays_encrypted():
    request = urllib.request.Request("https://example.org/a")
    settings = (request, io.BytesIO(), 302, "Found", {})
    with pytest.raises(InputError, match="redirects to http://example.org/b, which is not followed"):
        address.Redirects().redirect_request(*settings, "http://example.org/b")
    assert address.Redirects().redirect_request(*settings, "https://example.org/b").full_url == "https://example.org/b"


def test_redirection_is_followed(get, server):
    server.statuses = [(302, {"Location": server.url("/a")})]
    assert get().path.read_bytes() == BODY


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_full_disk_is_one_plain_line(get, tmp_path, monkeypatch):
    real = Path.open

    def full(self, *args, **kwargs):
        return real(Path("/dev/full") if self.name == "a.part" and args and "b" in args[0] else self, *args, **kwargs)

    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(InputError, match="a.part: the disk is full. Free some space and run the same command"):
        get()


def test_too_little_room_is_said_before(get, monkeypatch, waits):
    monkeypatch.setattr(download.shutil, "disk_usage", lambda path: os.statvfs_result and type("U", (), {"free": 1000}))
    with pytest.raises(InputError, match="1 MB are to come and 0 MB are free"):
        get()


# --- the cohort -------------------------------------------------------------------------------------------------------

COMMIT = "0123456789" * 4


def archive(path, entries, comment=b""):
    """Write a zip of (name, content) or (ZipInfo, content)."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.comment = comment
        for name, content in entries:
            file.writestr(name, content)
    return path


def repository(tmp_path, clip=b"video", top="COVID-BLUES-dataset-main/"):
    names = ("clinical_variables.csv", "severity.csv", "variable_explanations.csv", "LICENSE")
    entries = [(f"{top}{name}", f"{name} made up") for name in names]
    entries += [(f"{top}lus_videos/patient_1_L{i}.mp4", clip + bytes([i]) * 3000) for i in (1, 2)]
    return archive(tmp_path / "repo.zip", entries, COMMIT.encode()).read_bytes()


def test_archive_is_fetched_and_said_what_is_not_verified(server, tmp_path, capsys):
    server.files["/x.zip"] = repository(tmp_path)
    words = ["fetch", "covid-blues", str(tmp_path / "cb"), "--accept-licence", "--url", server.url("/x.zip")]
    assert command.main(words) == 0
    assert sorted(p.name for p in (tmp_path / "cb" / "lus_videos").iterdir()) == [
        "patient_1_L1.mp4",
        "patient_1_L2.mp4",
    ]
    said = capsys.readouterr().out
    assert "You may adapt it for yourself, but not share what you adapted" in said
    assert hashlib.sha256(server.files["/x.zip"]).hexdigest() in said
    assert "only recorded" in said
    assert "clinical_variables.csv differs from the release" in said
    assert "holds 2 clips; the release that blues was tested with has 362" in said
    record = json.loads((tmp_path / "cb" / "fetched.json").read_text())
    assert (record["commit"], record["files"], record["licence"]) == (COMMIT, 6, "CC BY-NC-ND 4.0")
    assert command.main(words) == 0  # a second time changes nothing


def test_without_the_licence_nothing_is_asked_of_the_server(server, tmp_path, capsys):
    server.files["/x.zip"] = repository(tmp_path)
    assert command.main(["fetch", "covid-blues", str(tmp_path / "cb"), "--url", server.url("/x.zip")]) == 2
    captured = capsys.readouterr()
    assert "CC BY-NC-ND 4.0" in captured.out
    assert "give --accept-licence" in captured.err
    assert len(captured.err.strip().splitlines()) == 1
    assert server.seen == []
    assert not (tmp_path / "cb").exists()


def test_what_is_no_archive_and_what_is_no_video(server, tmp_path):
    server.files["/page"] = b"<html>log in</html>"
    with pytest.raises(InputError, match="no zip archive"):
        fetch.fetch("covid-blues", tmp_path / "a", accept_licence=True, url=server.url("/page"))
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n"
    entries = [("r/lus_videos/patient_1_L1.mp4", pointer), ("r/severity.csv", "")]
    server.files["/lfs.zip"] = archive(tmp_path / "l.zip", entries).read_bytes()
    with pytest.raises(InputError, match="Git LFS pointers lie in place of videos: 1 of 1 clip.*--source huggingface"):
        fetch.fetch("covid-blues", tmp_path / "b", accept_licence=True, url=server.url("/lfs.zip"))


@pytest.mark.parametrize("damage", ["leads outside", "cut short", "would overwrite"])
def test_a_refused_archive_does_not_stay(server, tmp_path, monkeypatch, damage):
    monkeypatch.setenv("BLUES_CACHE", str(tmp_path / "cache"))
    content = repository(tmp_path)
    if damage == "leads outside":
        content = archive(tmp_path / "l.zip", [("../x.csv", "made up")]).read_bytes()
    elif damage == "cut short":
        begin = content.index(b"lus_videos") + 40
        content = content[:begin] + bytes(20) + content[begin + 20 :]
    else:
        (tmp_path / "cb").mkdir()
        (tmp_path / "cb" / "severity.csv").write_text("another")
    server.files["/x.zip"] = content
    with pytest.raises(InputError) as caught:
        fetch.fetch("covid-blues", tmp_path / "cb", accept_licence=True, url=server.url("/x.zip"))
    assert server.url("/x.zip") in str(caught.value)
    assert str(tmp_path / "cache") not in str(caught.value)
    assert list((tmp_path / "cache" / "downloads").iterdir()) == []


@pytest.fixture
def hub(server):
    """Serve a data set as Hugging Face does: two pages, one large file with a SHA-256, one small with git's hash."""
    files = {"severity.csv": b"made up", "lus_videos/patient_1_L1.mp4": BODY, "lus_videos/patient 1.txt": b"x"}
    base = "/api/datasets/jannisborn/COVID-BLUES"

    def entry(path):
        content = files[path]
        oid = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
        lfs = {"lfs": {"oid": hashlib.sha256(content).hexdigest(), "size": len(content)}} if content is BODY else {}
        return {"type": "file", "path": path, "size": len(content), "oid": oid} | lfs

    pages = [[{"type": "directory", "path": "lus_videos"}, entry("severity.csv")], [entry(p) for p in list(files)[1:]]]
    server.files[base] = json.dumps({"sha": COMMIT}).encode()
    server.files[f"{base}/tree/{COMMIT}?recursive=true"] = json.dumps(pages[0]).encode()
    server.headers[f"{base}/tree/{COMMIT}?recursive=true"] = {"Link": f'<{server.url(base)}/page2>; rel="next"'}
    server.files[f"{base}/page2"] = json.dumps(pages[1]).encode()
    for path, content in files.items():
        server.files[f"/datasets/jannisborn/COVID-BLUES/resolve/{COMMIT}/{path.replace(' ', '%20')}"] = content
    return server


def test_hub_gives_file_by_file_with_hashes(hub, tmp_path):
    settings = {"source": "huggingface", "accept_licence": True, "url": hub.url("")}
    got = fetch.fetch("covid-blues", tmp_path / "cb", **settings)
    assert (tmp_path / "cb/lus_videos/patient_1_L1.mp4").read_bytes() == BODY
    assert got.files == 3
    assert "All 3 files have the sizes and hashes" in got.notes[0]
    assert sorted(p.name for p in (tmp_path / "cb" / "lus_videos").iterdir()) == ["patient 1.txt", "patient_1_L1.mp4"]
    (tmp_path / "cb/severity.csv").write_bytes(b"changed")
    with pytest.raises(InputError, match="severity.csv exists and differs"):
        fetch.fetch("covid-blues", tmp_path / "cb", **settings)
    hub.seen.clear()
    again = fetch.fetch("covid-blues", tmp_path / "cb", force=True, **settings)
    assert again.size == 7
    assert [p for p, _ in hub.seen if "resolve" in p] == [
        f"/datasets/jannisborn/COVID-BLUES/resolve/{COMMIT}/severity.csv"
    ]


@pytest.mark.parametrize("name", ["lus_videos/patient_1_L1.mp4", "severity.csv"])
def test_hub_file_with_another_content_is_refused(hub, tmp_path, name):
    path = f"/datasets/jannisborn/COVID-BLUES/resolve/{COMMIT}/{name}"
    hub.files[path] = hub.files[path][::-1]
    with pytest.raises(InputError, match="deleted"):
        fetch.fetch("covid-blues", tmp_path / "cb", source="huggingface", accept_licence=True, url=hub.url(""))
    assert not (tmp_path / "cb" / name).exists()


def test_hub_that_lists_a_hostile_path_or_nothing(hub, tmp_path):
    base = "/api/datasets/jannisborn/COVID-BLUES"
    settings = {"source": "huggingface", "accept_licence": True, "url": hub.url("")}
    hub.files[f"{base}/page2"] = json.dumps([{"type": "file", "path": "../evil", "size": 1, "oid": "0"}]).encode()
    with pytest.raises(InputError, match="leads outside"):
        fetch.fetch("covid-blues", tmp_path / "cb", **settings)
    hub.files[f"{base}/page2"] = b"<html>"
    with pytest.raises(InputError, match="no JSON"):
        fetch.fetch("covid-blues", tmp_path / "cb", **settings)
    hub.files[f"{base}/page2"] = b'{"error": 1}'
    with pytest.raises(InputError, match="no list of files"):
        fetch.fetch("covid-blues", tmp_path / "cb", **settings)
    assert not (tmp_path / "cb").exists()


@pytest.mark.parametrize(
    "entry",
    [
        "severity.csv",
        7,
        None,
        {"type": "file", "size": 1, "oid": "0"},
        {"type": "file", "path": 5, "size": 1, "oid": "0"},
        {"type": "file", "path": "a", "size": "1", "oid": "0"},
        {"type": "file", "path": "a", "oid": "0"},
        {"type": "file", "path": "a", "size": 1},
        {"type": "file", "path": "a", "size": 1, "oid": "0", "lfs": {"size": 1}},
        {"type": "file", "path": "a", "size": 1, "oid": "0", "lfs": "yes"},
        {"type": "file", "path": "a", "size": 1, "oid": "0", "lfs": {"oid": 3}},
    ],
)
def test_hub_that_lists_what_is_no_file(hub, tmp_path, entry):
    hub.files["/api/datasets/jannisborn/COVID-BLUES/page2"] = json.dumps([entry]).encode()
    with pytest.raises(InputError, match="page2: it lists a file without its name, size or hash.*--source github"):
        fetch.fetch("covid-blues", tmp_path / "cb", source="huggingface", accept_licence=True, url=hub.url(""))
    assert not (tmp_path / "cb").exists()


@pytest.mark.parametrize("answer", [b"[1]", b'"x"', b"null", b"3"])
def test_hub_that_describes_no_data_set(hub, tmp_path, answer):
    hub.files["/api/datasets/jannisborn/COVID-BLUES"] = answer
    with pytest.raises(InputError, match="does not describe a data set"):
        fetch.fetch("covid-blues", tmp_path / "cb", source="huggingface", accept_licence=True, url=hub.url(""))


@pytest.mark.parametrize(
    ("following", "match"),
    [
        ("", "page2: the list of files does not end"),
        ("http://[bad/x", "no web address"),
        ("ftp://h/x", "no web address"),
    ],
)
def test_hub_whose_pages_lead_nowhere(hub, tmp_path, following, match):
    page = "/api/datasets/jannisborn/COVID-BLUES/page2"
    hub.files[page] = b"[]"
    hub.headers[page] = {"Link": f'<{following or hub.url(page)}>; rel="next"'}
    with pytest.raises(InputError, match=match):
        fetch.fetch("covid-blues", tmp_path / "cb", source="huggingface", accept_licence=True, url=hub.url(""))


@pytest.mark.parametrize("limit", ["MOST_PAGES", "MOST_FILES"])
def test_hub_that_lists_more_than_is_read(hub, tmp_path, monkeypatch, limit):
    monkeypatch.setattr(fetch, limit, 0)
    with pytest.raises(InputError, match="the list of files does not end"):
        fetch.fetch("covid-blues", tmp_path / "cb", source="huggingface", accept_licence=True, url=hub.url(""))


def test_an_answer_nested_without_end_is_no_json(server):
    server.files["/j"] = b"[" * 200_000
    with pytest.raises(InputError, match="no JSON"):
        download.read_json(server.url("/j"))


def test_hub_does_not_follow_a_link_out_of_the_folder(hub, tmp_path):
    (tmp_path / "cb").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "cb" / "lus_videos").symlink_to(tmp_path / "elsewhere")
    settings = {"source": "huggingface", "accept_licence": True, "url": hub.url(""), "force": True}
    with pytest.raises(InputError, match="through a link"):
        fetch.fetch("covid-blues", tmp_path / "cb", **settings)
    assert [p.name for p in (tmp_path / "cb").iterdir()] == ["lus_videos"]
    assert not list((tmp_path / "elsewhere").iterdir())


@pytest.mark.parametrize("source", ["github", "huggingface"])
def test_a_folder_where_a_file_is_to_be_and_a_file_where_a_folder(hub, tmp_path, source):
    hub.files["/x.zip"] = repository(tmp_path)
    url = hub.url("/x.zip") if source == "github" else hub.url("")
    settings = {"source": source, "accept_licence": True, "force": True, "url": url}
    (tmp_path / "cb" / "severity.csv").mkdir(parents=True)
    with pytest.raises(InputError, match=r"cb/severity\.csv is a folder.*nothing was written"):
        fetch.fetch("covid-blues", tmp_path / "cb", **settings)
    (tmp_path / "cb" / "severity.csv").rmdir()
    (tmp_path / "cb" / "lus_videos").write_text("mine")
    with pytest.raises(InputError, match=r"cb/lus_videos is a file, and a folder is needed.*nothing was written"):
        fetch.fetch("covid-blues", tmp_path / "cb", **settings)
    assert [p.name for p in (tmp_path / "cb").iterdir()] == ["lus_videos"]
    (tmp_path / "cb" / "lus_videos").unlink()
    assert fetch.fetch("covid-blues", tmp_path / "cb", **settings).files > 2


def test_hub_file_that_cannot_get_its_name_leaves_no_draft(hub, tmp_path, monkeypatch):
    real = Path.replace

    def refuse(self, target):
        if Path(target).name == "severity.csv":
            raise PermissionError(13, "Permission denied", str(self), None, str(target))
        return real(self, target)

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(PermissionError) as stopped:
        fetch.fetch("covid-blues", tmp_path / "cb", source="huggingface", accept_licence=True, url=hub.url(""))
    assert stopped.value.filename == str(tmp_path / "cb" / "severity.csv")
    assert not list((tmp_path / "cb").iterdir())


def test_hub_that_lists_a_name_twice(hub, tmp_path):
    entries = [{"type": "file", "path": name, "size": 1, "oid": "0"} for name in ("severity.csv", "Severity.csv")]
    hub.files["/api/datasets/jannisborn/COVID-BLUES/page2"] = json.dumps(entries).encode()
    with pytest.raises(InputError, match="the same name"):
        fetch.fetch("covid-blues", tmp_path / "cb", source="huggingface", accept_licence=True, url=hub.url(""))


def test_command_lists_and_refuses(tmp_path, capsys):
    assert command.main(["list"]) == 0
    assert "covid-blues" in capsys.readouterr().out
    assert command.main([]) == 0
    assert "usage:" in capsys.readouterr().out
    assert command.main(["fetsh"]) == 2
    assert "Nearest: 'fetch'" in capsys.readouterr().err
    assert command.main(["fetch", "covid-blue", str(tmp_path / "x")]) == 2
    assert "Nearest: 'covid-blues'" in capsys.readouterr().err
    assert command.main(["fetch", "covid-blues", str(tmp_path / "x"), "--source", "gitlab"]) == 2
    assert "'github' or 'huggingface'" in capsys.readouterr().err


@pytest.mark.slow
def test_command_writes_a_synthetic_cohort(tmp_path, capsys):
    assert command.main(["synthetic", str(tmp_path / "s"), "--patients", "8", "--seed", "3"]) == 0
    assert "8 patients" in capsys.readouterr().out
    assert (tmp_path / "s" / "cohort.toml").is_file()


def test_command_names_a_bad_seed(tmp_path, capsys):
    assert command.main(["synthetic", str(tmp_path / "s"), "--patients", "8", "--seed", "-1"]) == 2
    assert "seed is -1. Allowed: a whole number of at least 0" in capsys.readouterr().err


@pytest.mark.real
def test_the_real_release_is_the_tested_one(real_cohort_folder):
    known = fetch.KNOWN["covid-blues"]
    assert fetch._compare(known, real_cohort_folder) == [
        "Tables and number of clips are those of the release that blues was tested with."
    ]


def test_git_blob_hash_is_gits(tmp_path):
    (tmp_path / "a").write_bytes(b"what is up, doc?")
    # the worked example of the Pro Git book, chapter 10.2
    assert download.git_blob_hash(tmp_path / "a") == "bd9dbf5aae1a3862dd1526723246b20206e5fc37"
