"""What a command line names as pictures, and what is said where there is none."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import os
import tarfile
from pathlib import Path

import pytest

from pix2seq.batch.sources import Sources, split_names
from pix2seq.config import ConfigError
from pix2seq.many import Failure, Span
from pix2seq.pictures import open_image
from tests import fakes


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch) -> Path:
    """A folder of pictures below which every test runs."""
    monkeypatch.chdir(tmp_path)
    for name in ("photos/a.png", "photos/sub/a.png", "photos/sub/b c\n.JPG"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        fakes.draw_picture().save(name, "PNG")
    Path("photos/notes.txt").write_text("no picture")
    return tmp_path


def names(*words: str, **how) -> list[str]:
    return [item.name for item in Sources(words, **how)]


def reasons(*words: str, **how) -> dict[str, str]:
    items = Sources(words, **how)
    return {i.name: i.source.reason for i in items if isinstance(i.source, Failure)}


def write_tar(path: str, members: dict[str, bytes]) -> bytes:
    with tarfile.open(path, "w") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return Path(path).read_bytes()


ALL = ["photos/a.png", "photos/sub/a.png", "photos/sub/b c\n.JPG"]
PICTURE = io.BytesIO()
fakes.draw_picture().save(PICTURE, "PNG")
PICTURE = PICTURE.getvalue()


class TestFolders:
    def test_a_folder_is_all_pictures_below_it(self):
        assert names("photos") == names("photos/") == names("./photos") == ALL

    def test_the_current_folder_gives_plain_names(self, monkeypatch):
        monkeypatch.chdir("photos")
        assert names(".") == ["a.png", "sub/a.png", "sub/b c\n.JPG"]

    def test_names_that_are_no_utf8_can_be_opened_and_printed(self):
        path = os.fsencode("photos/sub") + b"/\xff.png"
        Path(os.fsdecode(path)).write_bytes(PICTURE)
        item = next(item for item in Sources(("photos",)) if "\\xff" in item.name)
        item.name.encode("utf-8")
        assert open_image(item.source).size == (120, 90)

    def test_what_is_named_twice_comes_once(self):
        assert names("photos", "photos/a.png", "photos/*.png") == ALL

    def test_links_that_lead_back_are_named_and_the_rest_is_found(self):
        Path("photos/sub/up").symlink_to("..")
        Path("photos/self.png").symlink_to("self.png")
        Path("photos/gone.png").symlink_to("nowhere.png")
        assert set(ALL) < set(names("photos"))
        found = reasons("photos")
        assert "above it" in found["photos/sub/up"]
        assert "back to itself" in found["photos/self.png"]
        assert "nowhere.png" in found["photos/gone.png"]

    @pytest.mark.parametrize("words", [("photos/**/*",), ("./photos/**", "../{}/photos/**/*.png")])
    def test_a_recursive_glob_goes_round_no_link(self, words, folder):
        """Python's own follows one forty times."""
        Path("photos/sub/up").symlink_to("..")
        words = [word.format(folder.name) for word in words]
        found = [item for item in Sources(tuple(words)) if not isinstance(item.source, Failure)]
        assert all("up" not in item.name for item in found)
        real = {os.path.relpath(os.path.realpath(item.source)) for item in found}
        assert set(ALL) <= real
        led_back = [name for name, reason in reasons(*words).items() if "above it" in reason]
        assert {os.path.relpath(name) for name in led_back} == {"photos/sub/up"}

    def test_links_in_a_ring_are_named_whatever_they_are_called(self):
        Path("photos/x").symlink_to("y")
        Path("photos/y").symlink_to("x")
        Path("photos/notes").symlink_to("nowhere.txt")
        found = reasons("photos")
        assert "back to itself" in found["photos/x"] and "back to itself" in found["photos/y"]
        assert "photos/notes" not in found

    def test_a_link_that_is_named_is_told_where_it_leads(self):
        Path("self.png").symlink_to("self.png")
        Path("gone.png").symlink_to("nowhere.png")
        found = reasons("self.png", "*.png", "photos")
        assert "back to itself" in found["self.png"] and "nowhere.png" in found["gone.png"]

    def test_a_link_to_another_folder_is_followed(self):
        Path("more").symlink_to("photos/sub")
        assert names("more") == ["more/a.png", "more/b c\n.JPG"]

    def test_a_folder_without_read_rights_is_named(self, monkeypatch):
        """Tests may run as root, whom no right stops, so the refusal is the system's own error."""
        scan = os.scandir

        def refuse(path):
            if str(path).endswith("sub"):
                raise PermissionError(13, "Permission denied", path)
            return scan(path)

        monkeypatch.setattr(os, "scandir", refuse)
        assert names("photos") == ["photos/a.png", "photos/sub"]
        assert "permissions" in reasons("photos")["photos/sub"]

    def test_an_empty_folder_is_said_to_be_empty(self):
        Path("empty").mkdir()
        assert "holds no picture" in reasons("photos", "empty")["empty"]
        with pytest.raises(ConfigError, match=r"no picture to look at; empty: .* holds no picture"):
            Sources(("empty",)).check()
        Sources(("empty", "photos")).check()


class TestLists:
    @pytest.mark.parametrize(
        ("content", "found"),
        [
            (b"", ()),
            (b"a\nb c\n", (b"a", b"b c")),
            (b"\xef\xbb\xbfa\r\n\r\nb", (b"a", b"b")),
            (b"a\nb\0c\0", (b"a\nb", b"c")),
            (b"\xff.png\n", (b"\xff.png",)),
        ],
    )
    def test_names_stand_on_lines_or_between_nul_bytes(self, content, found):
        assert split_names(content) == found

    def test_a_list_may_name_folders_and_files_that_are_missing(self):
        Path("list.txt").write_text("photos/a.png\nmissing.png\nphotos/sub\n")
        assert names("@list.txt") == ["photos/a.png", "missing.png", *ALL[1:]]

    def test_its_names_may_be_relative_to_a_folder(self):
        Path("list.txt").write_text("a.png\nsub/a.png\n")
        assert names("@list.txt", images="photos") == ALL[:2]

    def test_a_list_that_is_not_there_is_named(self):
        with pytest.raises(ConfigError, match=r"nolist\.txt cannot be read: No such file"):
            names("@nolist.txt")

    def test_a_glob_that_matches_nothing_is_named(self):
        assert "no file matches" in reasons("*.tiff", "photos")["*.tiff"]
        assert names("photos/**/*.png") == ALL[:2]


class TestCocoFiles:
    def test_its_images_keep_their_ids(self):
        content = {"images": [{"id": 7, "file_name": "a.png"}, {"id": 9, "file_name": "sub/a.png"}]}
        Path("coco.json").write_text(json.dumps(content))
        items = list(Sources(("coco.json",), images="photos"))
        assert [(item.name, item.number) for item in items] == [("a.png", 7), ("sub/a.png", 9)]
        assert all(open_image(item.source).width == 120 for item in items)

    def test_they_are_read_as_training_reads_them(self):
        images = [{"id": "7", "file_name": "sub\\a.png"}, {"id": 9.0, "file_name": "\ud800.png"}]
        Path("coco.json").write_bytes(json.dumps({"images": images}).encode("utf-16"))
        assert (
            "file_name '\\ud800.png'" in reasons("coco.json", images="photos")["coco.json: image 1"]
        )
        (item,) = [one for one in Sources(("coco.json",), images="photos") if one.number == 7]
        assert open_image(item.source).width == 120

    @pytest.mark.parametrize("text", ["[" * 200_000, '{"images": [' + "1" * 9999 + "]}"])
    def test_a_file_that_no_parser_takes_is_named(self, text):
        Path("coco.json").write_text(text)
        with pytest.raises(ConfigError, match=r"coco\.json is not COCO JSON"):
            names("coco.json", images="photos")

    def test_entries_that_cannot_be_told_apart_are_failures(self):
        entries = [(1, "a.png"), (1, "b.png"), (2, "a.png"), ("x", "c.png")]
        content = {"images": [{"id": i, "file_name": name} for i, name in entries]}
        Path("coco.json").write_text(json.dumps(content))
        found = reasons("coco.json", images="photos")
        assert "id 1 of a.png" in found["coco.json: image 1"]
        assert "'a.png' with the id 2" in found["coco.json: image 2"]
        assert "'x'" in found["coco.json: image 3"]

    @pytest.mark.parametrize(
        ("content", "images", "message"),
        [
            ("{}", "photos", "not COCO JSON"),
            ("[", "photos", "is not JSON"),
            ("{}", None, "needs --images"),
            ("{}", "nowhere", "nowhere is not a folder"),
        ],
    )
    def test_a_file_that_is_none_is_named(self, content, images, message):
        Path("coco.json").write_text(content)
        with pytest.raises(ConfigError, match=message):
            names("coco.json", images=images)


class TestTars:
    def test_a_sample_gives_its_picture(self):
        members = {
            "x/1.png": PICTURE,
            "x/1.cls": b"3",
            "x/1.seg.png": PICTURE,
            "y/1.png": PICTURE,
            "2.cls": b"3",
            "photo.2024.png": PICTURE,
        }
        write_tar("s.tar", members)
        items = list(Sources(("s.tar",)))
        assert [i.name for i in items] == ["s.tar/x/1.png", "s.tar/y/1.png", "s.tar/photo.2024.png"]
        for item in items:
            assert isinstance(item.source, Span)
            assert open_image(item.source).size == (120, 90)

    def test_a_tar_that_ends_early_gives_what_is_whole_and_a_line(self):
        whole = write_tar("s.tar", {"1.png": PICTURE, "2.png": PICTURE})
        second = whole.index(b"2.png")
        for cut, missing in (
            (second + 512 + 100, "s.tar/2.png"),  # inside the second picture
            (second + 100, "s.tar"),  # inside its header
            (second, "s.tar"),  # between the two
        ):
            Path("s.tar").write_bytes(whole[:cut])
            assert names("s.tar") == ["s.tar/1.png", missing]
            assert "copy" in reasons("s.tar")[missing]

    @pytest.mark.parametrize(
        ("name", "pack", "remedy"),
        [
            ("photos/s.tar.gz", gzip.compress, "gunzip"),
            ("s.tgz", gzip.compress, "gunzip"),
            ("s.tar", bz2.compress, "bunzip2"),
            ("s.txz", lzma.compress, "unxz"),
        ],
    )
    def test_a_compressed_tar_is_told_what_to_do(self, name, pack, remedy):
        Path(name).write_bytes(pack(write_tar("plain.tar", {"1.png": PICTURE})))
        assert f"{remedy} it" in reasons(os.path.dirname(name) or name)[name]

    @pytest.mark.parametrize("content", [b"", b"no tar" * 200, PICTURE])
    def test_what_is_no_tar_is_named(self, content):
        Path("s.tar").write_bytes(content)
        assert list(reasons("s.tar", "photos")) == ["s.tar"]
        assert "cannot be read" in reasons("missing.tar")["missing.tar"]

    @pytest.mark.timeout(200)
    def test_a_pipe_is_no_shard(self):
        """Whoever opens one waits for a writer who may never come."""
        os.mkfifo("photos/pipe.tar")
        assert names("photos") == [*ALL[:1], "photos/pipe.tar", *ALL[1:]]
        assert "is no file" in reasons("photos")["photos/pipe.tar"]


class TestUrls:
    def test_a_store_is_listed_and_read_by_fsspec(self):
        import fsspec

        store = fsspec.filesystem("memory")
        for name in ("bucket/b.png", "bucket/x/a.png"):
            store.pipe(f"/{name}", PICTURE)
        store.pipe("/bucket/s.tar", write_tar("s.tar", {"1.png": PICTURE}))
        found = list(Sources(("memory://bucket",)))
        assert sorted(item.name for item in found) == [
            "memory:///bucket/b.png",
            "memory:///bucket/s.tar/1.png",
            "memory:///bucket/x/a.png",
        ]
        assert all(open_image(item.source).size == (120, 90) for item in found)
        store.rm("/bucket", recursive=True)

    def test_a_store_in_another_is_one_too(self):
        """An archive, or a cache in front of a bucket; every name is a URL that opens."""
        import zipfile

        with zipfile.ZipFile("all.zip", "w") as file:
            file.writestr("in/a.png", PICTURE)
            file.writestr("in/x/s.tar", write_tar("s.tar", {"1.png": PICTURE}))
        for url, names in (
            ("zip://in::all.zip", ["zip://in/a.png::all.zip", "zip://in/x/s.tar::all.zip/1.png"]),
            ("zip://in/a.png::all.zip", ["zip://in/a.png::all.zip"]),
            (
                f"simplecache::file://{Path('photos').resolve()}",
                [f"simplecache::file://{Path(name).resolve()}" for name in ALL],
            ),
        ):
            found = [item for item in Sources((url,)) if not isinstance(item.source, Failure)]
            assert sorted(item.name for item in found) == sorted(names)
            assert all(open_image(item.source).width for item in found)

    @pytest.mark.parametrize("url", ["zip://a.png::https://example.com/a.zip"])
    def test_a_store_on_the_web_is_to_be_downloaded(self, url):
        assert "download it" in reasons(url)[url]

    def test_a_web_address_is_to_be_downloaded(self):
        assert (
            "download it" in reasons("https://example.com/photos/")["https://example.com/photos/"]
        )
        with pytest.raises(ConfigError, match="download it"):
            open_image("https://example.com/a.jpg")
