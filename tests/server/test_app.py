"""Tests of polycap/server/app.py, over a real socket, with the tiny world."""

import base64
import hashlib
import json
import re
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import TypeAdapter

from html_elements import Elements
from photo_checks import png_header
from polycap.server.answers import CaptionAnswer, Health, LanguageRow, PhotoErrorAnswer
from polycap.server.app import Service
from polycap.server.page import Page
from services import RTL, URL, Languages, detail, files, running
from tiny import CODE, OTHER_CODE, run_polycap

pytest_plugins = ["tiny_fixtures"]


# --- captions ---


@pytest.mark.usefixtures("world")
def test_the_objects_of_the_command(
    client: httpx.Client, photos: list[Path], tmp_path: Path, languages: Languages, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Good and bad photos in two languages give the output of `polycap caption --json`."""
    (tmp_path / "größe 1.jpg").write_bytes(photos[0].read_bytes())
    (tmp_path / "text.jpg").write_text("not a photo")
    (tmp_path / "cut.jpg").write_bytes(photos[1].read_bytes()[:-60])
    (tmp_path / "bomb.png").write_bytes(png_header(20_000, 20_000))
    (tmp_path / "b.jpg").write_bytes(photos[2].read_bytes())
    languages(monkeypatch)
    monkeypatch.chdir(tmp_path)
    for names in (["größe 1.jpg", "text.jpg", "b.jpg"], ["cut.jpg", "bomb.png", "größe 1.jpg"]):
        options = ["--language", f"{RTL},{CODE}", "--json", "--n-best", 2, "--beam", 3]
        expected = run_polycap("caption", *names, *options).rows
        sent = files(*map(Path, names))
        answer = client.post(URL, files=sent, data={"language": [RTL, CODE], "n_best": "2"})
        assert answer.status_code == 200
        assert answer.json() == expected
        assert [list(row) for row in answer.json()] == [list(row) for row in expected]
        assert client.post(URL, files=sent, params={"language": f"{RTL},{CODE}", "n_best": 2}).json() == expected
        model = TypeAdapter(list[CaptionAnswer | PhotoErrorAnswer])
        parsed = model.validate_python(expected, strict=True)
        assert model.dump_python(parsed, exclude_unset=True) == expected
    assert len(expected) == 4
    assert "above the limit of 50 megapixels" in answer.text


def test_a_language_by_another_tag(client: httpx.Client, photos: list[Path]) -> None:
    answer = client.post(URL, files=files(photos[0]), params={"language": f"{CODE.upper()},{CODE}"})
    assert [row["language"] for row in answer.json()] == [CODE]


def test_a_photo_as_the_body(client: httpx.Client, photos: list[Path]) -> None:
    image = photos[0].read_bytes()
    expected = client.post(URL, files=files(photos[0])).json()
    assert [row["language"] for row in expected] == [CODE, RTL]  # as the server was started
    answer = client.post(f"{URL}?name={photos[0].name}", content=image, headers={"content-type": "image/jpeg"})
    assert answer.json() == expected
    options = {"language": RTL, "n_best": "2"}
    [row] = client.post(URL, params=options, content=image, headers={"content-type": "image/webp"}).json()
    assert (row["photo"], row["language"], len(row["candidates"])) == ("photo", RTL, 2)
    refused = client.post(URL, content=image, headers={"content-type": "application/x-www-form-urlencoded"})
    assert "application/x-www-form-urlencoded: send multipart/form-data with photos, or" in detail(refused, 415)
    assert "content type nothing: send" in detail(client.post(URL, content=image), 415)


def test_no_good_photo(client: httpx.Client) -> None:
    answer = client.post(URL, files=[("photos", ("../etc/text.jpg", b"not a photo")), ("photos", ("b.jpg", b""))])
    assert answer.status_code == 422
    assert [list(row) for row in answer.json()] == [["photo", "error"]] * 2
    assert [row["photo"] for row in answer.json()] == ["../etc/text.jpg", "b.jpg"]
    assert client.post(URL, content=b"", headers={"content-type": "image/png"}).status_code == 422


REFUSED: dict[str, tuple[dict[str, Any], int, str]] = {
    "unknown language": ({"data": {"language": "xx"}}, 404, f"unknown language 'xx'; captions come in {CODE}, {RTL}"),
    "untrained": ({"params": {"language": OTHER_CODE}}, 404, f"language '{OTHER_CODE}' has no trained pack; captions"),
    "unknown field": ({"data": {"photo": "x"}}, 422, "unknown field 'photo'; there are photos, language, n_best"),
    "no number": ({"data": {"n_best": "many"}}, 422, "n_best: is 'many'; it is a number from 1 to 64"),
    "no number in the query": ({"params": {"n_best": "many"}}, 422, "n_best: "),
    "too many candidates": ({"params": {"n_best": 65}}, 422, "n_best: "),
    "many fields": ({"data": {"language": [CODE] * 1001}}, 413, "more than 1000 fields"),
    "a long field": ({"data": {"language": "x" * 1001}}, 413, "language: is longer than 1,000 bytes"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(client: httpx.Client, photos: list[Path], name: str) -> None:
    options, status, message = REFUSED[name]
    assert message in detail(client.post(URL, files=files(photos[0]), **options), status)


# --- facts ---


def test_the_list_of_languages(client: httpx.Client, languages: Languages, monkeypatch: pytest.MonkeyPatch) -> None:
    languages(monkeypatch)
    rows = client.get("/v1/languages").json()
    assert rows == json.loads(run_polycap("languages", "--json").out)
    assert [row["status"] for row in rows] == ["trained", "untrained", "trained"]
    model = TypeAdapter(list[LanguageRow])
    assert model.dump_python(model.validate_python(rows, strict=True)) == rows


def test_health(client: httpx.Client) -> None:
    health = Health.model_validate(client.get("/healthz").json(), strict=True)
    assert (health.status, health.runtime) == ("ok", "keras")
    assert health.version
    assert client.head("/healthz").status_code == client.head("/").status_code == 200  # as monitors ask


def test_the_description(client: httpx.Client) -> None:
    api = client.get("/openapi.json").json()
    assert set(api["paths"]) == {URL, "/v1/languages", "/healthz"}
    post = api["paths"][URL]["post"]
    assert set(post["requestBody"]["content"]) == {"multipart/form-data", "image/*"}
    assert set(post["responses"]) == {"200", "400", "404", "408", "413", "415", "422", "500", "503"}
    assert all(parameter["description"] for parameter in post["parameters"])
    assert set(api["components"]["schemas"]["CaptionAnswer"]["properties"]) == set(CaptionAnswer.model_fields)
    for path in ("/docs", "/redoc", "/nothing"):  # the first two would load scripts from elsewhere
        detail(client.get(path), 404)
    detail(client.get(URL), 405)


def test_the_page(client: httpx.Client) -> None:
    answer = client.get("/")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    page = Elements()
    page.feed(answer.text)
    assert not [tag for tag, _ in page.found if tag in {"img", "iframe", "object"}]
    assert [link["href"] for link in page.of("link")] == ["data:,"]
    assert not [attributes for tag, attributes in page.found if tag != "link" and {"src", "href"} & attributes.keys()]
    assert not re.search(r"https?:|@import|\burl\(", answer.text)
    boxes = [box for box in page.of("input") if box["type"] == "checkbox"]
    assert [(box["value"], box["data-direction"], box["data-mode"], "checked" in box) for box in boxes] == [
        (CODE, "ltr", "horizontal-tb", True),
        (RTL, "rtl", "horizontal-tb", True),
    ]
    assert {"lang": RTL, "dir": "rtl"} in page.of("span")
    [script] = re.findall("<script>(.*)</script>", answer.text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = answer.headers["content-security-policy"]
    assert f"script-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy


def test_the_page_with_many_languages() -> None:
    """The reader's own is first and chosen, the others are folded."""
    facts = {"direction": "ltr", "writing_mode": "horizontal-tb", "status": "trained"}
    rows = [{"code": code, "native_name": code.upper(), **facts} for code in "abcdefgh"]
    rows.append({"code": "i", "native_name": "I", "direction": "ltr", "status": "untrained"})
    text = Page.of(rows, ["f"]).html
    page = Elements()
    page.feed(text)
    boxes = [(box["value"], "checked" in box) for box in page.of("input") if box["type"] == "checkbox"]
    assert boxes == [(code, code == "f") for code in "fabcdegh"]
    assert text.index('value="f"') < text.index("<summary>7 more languages") < text.index('value="a"')
    assert "<summary>" not in Page.of(rows[:7], ["f"]).html


@pytest.mark.usefixtures("quick_encoder")
def test_other_sites(client: httpx.Client, service: Service) -> None:
    origin = {"Origin": "https://example.org"}
    assert "access-control-allow-origin" not in client.get("/healthz", headers=origin).headers
    with running(service, allow_origins=["https://example.org"]) as allowing:
        answer = allowing.get("/healthz", headers=origin)
        assert answer.headers["access-control-allow-origin"] == "https://example.org"
        other = allowing.get("/healthz", headers={"Origin": "https://example.com"})
        assert "access-control-allow-origin" not in other.headers
