"""Downloads from a server that breaks off, lies and fails; each resumed, checked or refused."""

from __future__ import annotations

import pytest

from pix2seq.checkpoints import DownloadError, download_file
from pix2seq.checkpoints.download import ATTEMPTS
from tests.bucket import Bucket, serve

CONTENT = bytes(range(256)) * 40  # 10 KB
PATH = "/models/weights.bin"


@pytest.fixture
def bucket():
    with serve(Bucket(files={PATH: CONTENT})) as running:
        yield running


@pytest.fixture
def target(tmp_path):
    return tmp_path / "kept" / "weights.bin"


@pytest.fixture(autouse=True)
def pauses(monkeypatch):
    """The seconds that would have been waited."""
    waited = []
    monkeypatch.setattr("pix2seq.checkpoints.download.pause", waited.append)
    return waited


def fetch(bucket, target, **settings):
    return download_file(bucket.url + PATH, target, **settings)


def leftovers(target):
    return sorted(p.name for p in target.parent.iterdir() if p != target)


def test_a_file_arrives_whole_and_leaves_nothing_beside_it(bucket, target):
    assert fetch(bucket, target).read_bytes() == CONTENT
    assert leftovers(target) == []


def test_an_empty_file_arrives_too(bucket, target):
    bucket.files[PATH] = b""
    assert fetch(bucket, target).read_bytes() == b""


def test_a_file_that_is_here_is_not_asked_for_again(bucket, target):
    fetch(bucket, target)
    fetch(bucket, target, size=len(CONTENT))
    assert bucket.requests[PATH] == 1


def test_a_file_of_another_size_is_fetched_anew(bucket, target):
    target.parent.mkdir()
    target.write_bytes(b"old")
    assert fetch(bucket, target, size=len(CONTENT)).read_bytes() == CONTENT


def test_progress_counts_up_to_the_whole(bucket, target):
    seen = []
    fetch(bucket, target, progress=lambda *piece: seen.append(piece))
    assert seen[-1] == ("weights.bin", len(CONTENT), len(CONTENT))


def test_a_broken_connection_is_resumed_where_it_broke(bucket, target):
    bucket.breaks[PATH] = [4000]
    assert fetch(bucket, target).read_bytes() == CONTENT
    assert bucket.ranges == ["bytes=4000-"]


def test_a_download_that_keeps_breaking_goes_on_as_long_as_bytes_arrive(bucket, target):
    bucket.breaks[PATH] = [1000] * (2 * ATTEMPTS)
    assert fetch(bucket, target).read_bytes() == CONTENT


def test_a_connection_that_brings_nothing_is_given_up_and_kept_for_later(bucket, target):
    bucket.breaks[PATH] = [5000] + [0] * ATTEMPTS
    with pytest.raises(DownloadError, match="will be resumed") as refusal:
        fetch(bucket, target)
    assert bucket.url + PATH in str(refusal.value) and not target.exists()
    assert fetch(bucket, target).read_bytes() == CONTENT
    assert bucket.ranges[-1] == "bytes=5000-"


def test_a_file_that_changed_meanwhile_is_started_over(bucket, target):
    bucket.breaks[PATH] = [5000] + [0] * ATTEMPTS
    with pytest.raises(DownloadError):
        fetch(bucket, target)
    bucket.files[PATH] = CONTENT[::-1]
    assert fetch(bucket, target).read_bytes() == CONTENT[::-1]


def test_a_part_longer_than_the_file_is_started_over(bucket, target):
    bucket.breaks[PATH] = [5000] + [0] * ATTEMPTS
    with pytest.raises(DownloadError):
        fetch(bucket, target)
    part = target.with_name("weights.bin.part")
    part.write_bytes(part.read_bytes() + CONTENT)
    assert fetch(bucket, target).read_bytes() == CONTENT


def test_without_a_version_tag_nothing_is_continued(bucket, target):
    bucket.tags = False
    bucket.breaks[PATH] = [4000]
    assert fetch(bucket, target).read_bytes() == CONTENT
    assert bucket.ranges == []


def test_a_wrong_size_is_refused_before_anything_is_kept(bucket, target):
    with pytest.raises(DownloadError, match=f"{len(CONTENT)} bytes, but 99 are expected"):
        fetch(bucket, target, size=99)
    assert not target.exists() and bucket.requests[PATH] == 1


def test_a_server_that_sends_less_than_it_announces_is_not_believed(bucket, target):
    bucket.announces[PATH] = len(CONTENT) + 10
    with pytest.raises(DownloadError, match=r"cannot be fetched|answers 416"):
        fetch(bucket, target)
    assert not target.exists()


def test_a_busy_server_is_asked_again_with_patience(bucket, target, pauses):
    bucket.errors[PATH] = [503, 429]
    assert fetch(bucket, target).read_bytes() == CONTENT
    assert pauses == sorted(pauses) and len(pauses) == 2


@pytest.mark.parametrize("status", [403, 404])
def test_a_refusal_is_final_and_says_the_status(bucket, target, status):
    bucket.errors[PATH] = [status]
    with pytest.raises(DownloadError, match=str(status)) as refusal:
        fetch(bucket, target)
    assert refusal.value.status == status and bucket.requests[PATH] == 1


def test_without_a_network_the_message_names_the_url(target):
    url = "http://127.0.0.1:9/models/weights.bin"  # nobody listens there
    with pytest.raises(DownloadError, match=r"127\.0\.0\.1:9/models/weights\.bin") as refusal:
        download_file(url, target)
    assert refusal.value.status is None


def test_a_full_disk_is_noticed_beforehand(bucket, target, monkeypatch):
    from collections import namedtuple

    Usage = namedtuple("Usage", "total used free")
    monkeypatch.setattr("shutil.disk_usage", lambda path: Usage(10, 10, 0))
    with pytest.raises(DownloadError, match="PIX2SEQ_HOME"):
        fetch(bucket, target)
