"""An archive is hostile until it is read: what comes out is plain files with plain names, or a reason."""

import gzip
import io
import os
import stat
import tarfile
import zipfile
from pathlib import Path

import pytest

from distlab.grade.classroom.submissions import (
    LARGEST,
    LARGEST_IN_ALL,
    MOST_FILES,
    Submission,
    read,
    read_all,
)

GOOD = "labs/lab0_rpc/framing.py"


def tar(file: Path, *members: tuple[str | tarfile.TarInfo, bytes]) -> Path:
    with tarfile.open(file, "w:gz") as archive:
        for member, content in members:
            info = tarfile.TarInfo(member) if isinstance(member, str) else member
            info.size = info.size or len(content)
            archive.addfile(info, io.BytesIO(content))
    return file


def zipped(file: Path, *members: tuple[str | zipfile.ZipInfo, bytes]) -> Path:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, content in members:
            archive.writestr(member, content)
    return file


def link(name: str, target: str, kind: bytes) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def test_a_folder_a_tar_file_and_a_zip_file_give_the_same(tmp_path: Path) -> None:
    folder = tmp_path / "alice"
    (folder / "labs/lab0_rpc").mkdir(parents=True)
    (folder / GOOD).write_bytes(b"x = 1\n")
    (folder / "README.md").write_bytes(b"mine")
    found = [
        read(folder),
        read(tar(tmp_path / "alice.tar.gz", (GOOD, b"x = 1\n"), ("submission.json", b"{}"))),
        read(zipped(tmp_path / "alice.zip", (GOOD, b"x = 1\n"))),
        read(zipped(tmp_path / "alice.zip", (f"repo-main/{GOOD}", b"x = 1\n"))),
        read(zipped(tmp_path / "alice.zip", ("lab0_rpc/framing.py", b"x = 1\n"))),
    ]
    assert all(one == Submission("alice", {"lab0_rpc/framing.py": b"x = 1\n"}) for one in found)
    assert len({one.digest for one in found}) == 1


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("../labs/lab0_rpc/x.py", "leads out"),
        ("labs/lab0_rpc/../../../../etc/cron.d/x.py", "leads out"),
        ("/labs/lab0_rpc/x.py", "leads out"),
        ("labs\\..\\lab0_rpc\\x.py", "leads out"),
        ("labs/lab0_rpc/x\u202eyp.py", "not plain"),
        ("labs/lab0_rpc/fr\u0430ming.py", "not plain"),
        ("labs/lab0_rpc/\x1b[2Jx.py", "not plain"),
        ("labs/lab0_rpc/-x.py", "not plain"),
        ("labs/lab0_rpc/" + "x" * 200 + ".py", "not plain"),
        ("labs/lab0_rpc/framing.cpython-311-x86_64-linux-gnu.so", "no file of a lab"),
        ("labs/lab0_rpc/framing.pyc", "no file of a lab"),
    ],
)
def test_a_name_that_is_not_plain_is_left_out_and_said(tmp_path: Path, name: str, why: str) -> None:
    for found in (
        read(tar(tmp_path / "eve.tar.gz", (GOOD, b""), (name, b"evil"))),
        read(zipped(tmp_path / "eve.zip", (GOOD, b""), (name, b"evil"))),
    ):
        assert found.files == {"lab0_rpc/framing.py": b""}
        if "\\" not in name or len(found.left_out):  # zipfile itself may turn such slashes
            (left_out,) = found.left_out
            assert why in left_out
            assert left_out.isascii()
            assert left_out.isprintable()


def test_links_and_devices_are_left_out(tmp_path: Path) -> None:
    inside = "labs/lab0_rpc/"
    found = read(
        tar(
            tmp_path / "eve.tar",
            (GOOD, b""),
            (link(f"{inside}a.py", "/etc/passwd", tarfile.SYMTYPE), b""),
            (link(f"{inside}b.py", "../../grading", tarfile.LNKTYPE), b""),
            (link(f"{inside}c.py", "", tarfile.FIFOTYPE), b""),
            (link(f"{inside}d.py", "", tarfile.CHRTYPE), b""),
        )
    )
    assert found.files == {"lab0_rpc/framing.py": b""}
    assert [one.rpartition(": ")[2] for one in found.left_out] == [
        "it is a link", "it is a link", "it is no plain file", "it is no plain file",
    ]  # fmt: skip
    a_link = zipfile.ZipInfo(f"{inside}a.py")
    a_link.external_attr = (stat.S_IFLNK | 0o777) << 16
    assert read(zipped(tmp_path / "eve.zip", (GOOD, b""), (a_link, b"/etc/passwd"))).left_out == (
        f"{inside}a.py: it is a link",
    )


def test_links_in_a_folder_are_not_followed(tmp_path: Path) -> None:
    folder = tmp_path / "class/eve/labs/lab0_rpc"
    folder.mkdir(parents=True)
    secret = tmp_path / "secret.py"
    secret.write_text("secret")
    (folder / "a.py").symlink_to(secret)
    (folder / "b").symlink_to(tmp_path)
    os.mkfifo(folder / "c.py")
    (folder / "framing.py").write_text("")
    (tmp_path / "class/mallory").symlink_to(tmp_path)
    (found,) = read_all(tmp_path / "class")
    assert found.files == {"lab0_rpc/framing.py": b""}
    assert len(found.left_out) == 3
    assert any("it is a link" in one for one in found.left_out)


def test_a_few_bytes_that_unfold_into_gigabytes_are_refused(tmp_path: Path) -> None:
    much = bytes(LARGEST_IN_ALL + (1 << 20))
    assert "unfolds" in read(tar(tmp_path / "eve.tar.gz", ("labs/lab0_rpc/x.py", much))).refused
    many = [
        (f"labs/lab0_rpc/x{n}.py", bytes(LARGEST)) for n in range(LARGEST_IN_ALL // LARGEST + 1)
    ]
    assert "unfolds" in read(zipped(tmp_path / "eve.zip", *many)).refused
    one = read(
        zipped(tmp_path / "eve.zip", (GOOD, b""), ("labs/lab0_rpc/x.py", bytes(LARGEST + 1)))
    )
    assert one.left_out == ("labs/lab0_rpc/x.py: it is too large",)


def test_too_many_files_are_refused(tmp_path: Path) -> None:
    many = [(f"labs/lab0_rpc/x{n}.py", b"") for n in range(MOST_FILES + 1)]
    assert "more than" in read(zipped(tmp_path / "eve.zip", *many)).refused


def test_a_name_that_comes_twice_is_taken_once(tmp_path: Path) -> None:
    found = read(tar(tmp_path / "eve.tar.gz", (GOOD, b"one"), (f"./{GOOD}", b"two")))
    assert found.files == {"lab0_rpc/framing.py": b"one"}
    assert "twice" in found.left_out[0]


@pytest.mark.parametrize("name", ["eve.zip", "eve.tar", "eve.tar.gz", "eve.tgz"])
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"PK\x03\x04nonsense",
        b"\x1f\x8bnonsense",
        gzip.compress(b"x" * 700),
        b"\0" * 2000,
        b"x" * 3,
    ],
)
def test_what_is_no_archive_is_refused_and_said(tmp_path: Path, name: str, content: bytes) -> None:
    file = tmp_path / name
    file.write_bytes(content)
    assert read(file).refused


def test_a_locked_archive_is_refused(tmp_path: Path) -> None:
    file = zipped(tmp_path / "eve.zip", (GOOD, b"x"))
    content = bytearray(file.read_bytes())
    for mark, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(mark) + at] |= 1
    file.write_bytes(bytes(content))
    assert "cannot be read" in read(file).refused


def test_names_of_submissions_have_places_of_their_own(tmp_path: Path) -> None:
    names = [
        "alice",
        "Alice",
        "ALICE",
        "al/ice",
        "..",
        "../x",
        "a b",
        "a-b",
        "<b>",
        "ünï",
        "-rf",
        "",
        "x" * 300,
    ]
    slugs = [Submission(name, {}).slug for name in names]
    assert len(set(slugs)) == len(names)
    assert all(
        slug.isascii() and slug.replace("-", "x").replace("_", "x").isalnum() for slug in slugs
    )
    assert not any(slug.startswith("-") or len(slug) > 80 for slug in slugs)


def test_two_submissions_of_one_name_are_both_kept(tmp_path: Path) -> None:
    zipped(tmp_path / "alice.zip", (GOOD, b"one"))
    tar(tmp_path / "alice.tar.gz", (GOOD, b"two"))
    assert len({one.name for one in read_all(tmp_path)}) == 2
