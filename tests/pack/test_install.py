"""Pack files: the same bytes each time, installed whole or not at all, and nothing hostile gets through."""

import shutil
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from encoders import make_encoder, make_pca
from pack_files import SCORES, make_pack, tree, visible
from polycap.encoder.artefact import EncoderArtefact
from polycap.encoder.identity import CELLS, CHANNELS
from polycap.errors import BuildError, LanguageError, PackError
from polycap.files import packs_folder
from polycap.language import available_languages, get_language, load_language
from polycap.pack import install
from polycap.pack.install import install_pack, uninstall_pack
from polycap.pack.pack import load_pack
from polycap.pack.pack_file import write_pack_file
from polycap.pack.record import record_scores
from polycap.text.tokenizer import Tokenizer
from tiny import CODE, make_language

pytest_plugins = ["tiny_fixtures", "pack_fixtures"]


# --- installed ---


def test_two_installs_at_once_decide_inside_the_lock(pack_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second one found no pack before it waited for the first."""
    first = install_pack(pack_file)
    is_installed, calls = install._is_installed, []

    def late(*arguments: Any, **options: Any) -> bool:
        calls.append(arguments)
        return len(calls) > 1 and is_installed(*arguments, **options)

    monkeypatch.setattr(install, "_is_installed", late)
    before = first.folder.stat()
    assert install_pack(pack_file).changed is False
    assert (len(calls), first.folder.stat().st_ino) == (2, before.st_ino)


def test_a_language_that_is_not_there(pack_file: Path, maker: Path) -> None:
    with pytest.raises(LanguageError, match="unknown language 'qaa'"):
        get_language(CODE)
    done = install_pack(pack_file)
    assert (done.code, done.folder, done.changed) == (CODE, packs_folder() / CODE, True)
    assert (done.source, done.sha256) == (pack_file.name, sha256(pack_file.read_bytes()).hexdigest())
    language = get_language(CODE)
    assert (language.folder, language.status, language.installed_pack) == (done.folder, "trained", done.folder / "pack")
    assert language.samples == ("a red circle", "a blue bar")
    assert load_pack(language.pack_folder).card.language == CODE
    assert tree(done.folder).keys() == {*tree(maker), "manifest.json", "installed.json"}
    assert visible() == [CODE]


def test_a_second_time_nothing_happens(pack_file: Path) -> None:
    first = install_pack(pack_file)
    record_scores(first.folder / "pack", SCORES)  # a card may get scores: it is the same pack
    stamps = {path: path.stat().st_mtime_ns for path in packs_folder().rglob("*")}
    again = install_pack(pack_file)
    assert again == type(first)(**{**vars(first), "changed": False})
    assert {path: path.stat().st_mtime_ns for path in packs_folder().rglob("*")} == stamps
    (first.folder / "pack" / "tokenizer.model").unlink()  # broken since: made whole, and nobody need be asked
    assert install_pack(pack_file).changed
    assert load_pack(first.folder / "pack")


def test_another_pack_needs_force(pack_file: Path, other_file: Path) -> None:
    folder = install_pack(pack_file).folder
    before = tree(folder)
    with pytest.raises(PackError, match="another pack of qaa is installed; give `force`"):
        install_pack(other_file)
    assert tree(folder) == before
    assert install_pack(other_file, force=True).changed
    assert tree(folder) != before
    assert visible() == [CODE]


def test_it_goes_before_the_folders_own_until_uninstalled(
    maker: Path, other_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    own = shutil.copytree(maker, tmp_path / "own" / CODE)
    monkeypatch.setenv("POLYCAP_LANGUAGES", str(own.parent))
    with caplog.at_level("INFO", "polycap"):
        done = install_pack(other_file)
    assert f"is now captioned with the installed pack, not the one in {own}" in caplog.text
    language = get_language(CODE)
    assert (language.folder, language.pack_folder) == (own, done.folder / "pack")  # facts are the folder's own
    assert language.own_pack_folder == own / "pack"
    assert [entry.code for entry in available_languages()].count(CODE) == 1
    assert uninstall_pack(CODE) == done.folder
    assert get_language(CODE).pack_folder == own / "pack"
    assert visible() == []
    with pytest.raises(PackError, match=r"qaa: no pack is installed for it; installed: none"):
        uninstall_pack(CODE)


@pytest.mark.parametrize("code", ["..", ".", "", ".lock", "/", "../packs"])
def test_nothing_else_is_uninstalled(code: str, pack_file: Path) -> None:
    install_pack(pack_file)
    with pytest.raises(PackError, match="no pack is installed for it; installed: qaa"):
        uninstall_pack(code)
    assert get_language(CODE).status == "trained"


def test_what_was_killed_leaves_the_old_pack(
    pack_file: Path, other_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = install_pack(pack_file).folder
    before = tree(folder)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("polycap.pack.pack.load_pack", killed)
        with pytest.raises(KeyboardInterrupt):
            install_pack(other_file, force=True)
    assert tree(folder) == before
    # between two renames: the old one is aside, the new one not there yet
    aside = packs_folder() / ".unfinished" / "old" / CODE
    aside.parent.mkdir(parents=True)
    folder.rename(aside)
    assert not install_pack(pack_file, force=True).changed or load_pack(folder / "pack")
    assert visible() == [CODE]


def test_a_broken_folder_there_is_listed(pack_file: Path) -> None:
    folder = install_pack(pack_file).folder
    (folder / "language.toml").write_text("schema = 1")
    assert [entry.status for entry in available_languages() if entry.code == CODE] == ["broken"]
    uninstall_pack(CODE)
    assert CODE not in [entry.code for entry in available_languages()]


def test_training_leaves_an_installed_pack_alone(
    pack_file: Path, maker: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from polycap.pipeline.install import copy_pack as put_in_folder
    from polycap.pipeline.install import require_writable

    before = tree(install_pack(pack_file).folder)
    with pytest.raises(BuildError, match=r"is the folder of an installed pack.*copy .* to a folder of your own"):
        require_writable(get_language(CODE))
    own = make_language(tmp_path / "own")
    monkeypatch.setenv("POLYCAP_LANGUAGES", str(own.parent))
    put_in_folder(maker / "pack", get_language(CODE))
    assert "the installed pack in" in caplog.text
    assert "`polycap uninstall qaa`" in caplog.text
    assert load_language(own).status == "trained"
    assert tree(packs_folder() / CODE) == before


def test_packs_carry_no_code(hooked: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = write_pack_file(load_language(hooked), tmp_path / "hooked.polycap")
    assert b"def normalize" not in written.path.read_bytes()
    assert written.manifest.hooks == sha256((hooked / "hooks.py").read_bytes()).hexdigest()
    with pytest.raises(PackError, match=r"packs carry no code; first install the plugin that has the language qaa"):
        install_pack(written.path)
    assert visible() == []
    monkeypatch.setenv("POLYCAP_LANGUAGES", str(hooked.parent))
    assert install_pack(written.path).changed
    assert get_language(CODE).folder == hooked


def test_text_that_is_normalised_in_another_way_is_told(
    hooked: Path, pack_file: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("POLYCAP_LANGUAGES", str(hooked.parent))
    install_pack(pack_file)
    assert "normalised in another way" in caplog.text


# --- another encoder ---


def test_another_encoder_is_refused_by_name(
    maker: Path, large_encoder: EncoderArtefact, tiny_tokenizer: Tokenizer, pack_file: Path, tmp_path: Path
) -> None:
    own = make_encoder(tmp_path / "encoder", pca=make_pca(1, CHANNELS), cells=CELLS)
    pack = make_pack(tmp_path / "pack", tiny_tokenizer, own)
    path = write_pack_file(load_language(maker), tmp_path / "foreign.polycap", pack=pack, encoder=own.folder).path
    message = f"is of encoder {own.identity}, but the encoder in use is {large_encoder.identity}"
    with pytest.raises(PackError, match=message):
        write_pack_file(load_language(maker), tmp_path / "not.polycap", pack=pack)
    with pytest.raises(PackError, match=message):
        install_pack(path)
    assert visible() == []
    assert install_pack(path, encoder=own.folder).changed
    with pytest.raises(PackError, match=f"encoder {large_encoder.identity}, but the encoder in use is {own.identity}"):
        install_pack(pack_file, encoder=own.folder, force=True)
