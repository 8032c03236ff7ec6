from __future__ import annotations

import base64
import re
from html.parser import HTMLParser

import cv2
import numpy as np
import pytest

from tests.report.made import HELDOUT, report_data, video
from vidgan.report.page import best_rows, duration, number, percent, render_page
from vidgan.report.pictures import Still

HOSTILE = "<script>alert(\"x\")</script>' onerror='y.mp4"


class Page(HTMLParser):
    """What a browser would make of a page: its tags with attributes, and its text."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.words = [], []
        self.feed(html)
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.words.append(data)


@pytest.fixture
def still():
    def picture(level):
        return np.full((40, 30, 3), level, np.uint8)

    return Still(1.5, picture(10), picture(20), picture(30), {"face": np.full((12, 14, 3), 99, np.uint8)})


def test_page_names_no_address_outside_itself_and_runs_nothing(still):
    page = Page(render_page(report_data(), [still], "data:video/mp4;base64,AAAA"))
    addresses = [value for _, attributes in page.tags for key, value in attributes.items() if key in ("src", "href")]
    assert len(addresses) == 5
    assert all(address.startswith("data:") for address in addresses)
    assert not any(tag in ("script", "link", "iframe", "object") for tag, _ in page.tags)
    assert not any(key.startswith("on") for _, attributes in page.tags for key in attributes)


def test_names_from_outside_are_text_and_nothing_else(still):
    data = report_data(
        source=video(HOSTILE),
        target=video(HOSTILE),
        encoding={"encoder": HOSTILE, "audio": HOSTILE},
        retarget={HOSTILE: HOSTILE},
        heldout={HOSTILE: HELDOUT["draft"]},
        advice=[HOSTILE],
        feature_network=HOSTILE,
    )
    page = Page(render_page(data, [still], None))
    assert not any(tag == "script" for tag, _ in page.tags)
    assert not any(key.startswith("on") for _, attributes in page.tags for key in attributes)
    assert HOSTILE in page.text


def test_pictures_are_embedded_with_their_pixels(still):
    page = Page(render_page(report_data(), [still], None))
    images = [attributes for tag, attributes in page.tags if tag == "img"]
    levels = []
    for image in images:
        data = base64.b64decode(image["src"].removeprefix("data:image/jpeg;base64,"))
        decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        assert decoded.shape[:2] == (int(image["height"]), int(image["width"]))
        levels.append(round(float(decoded.mean())))
    assert levels == [10, 20, 30, 99]
    assert [image["alt"] for image in images] == ["source, 1.50 s", "pose, 1.50 s", "output, 1.50 s", "face, 1.50 s"]


def test_numbers_and_words_are_there(still):
    text = Page(render_page(report_data(), [still], None)).text
    for expected in (
        "1.50 %", "98 % of points", "film more", "the camera moves", "efficientnet-lite0", "1 min 1 s", "700 MB",
        "limbs · upper arm", "0.9, 1.1", "3 of 50",
        "0.50–0.62 s", "nearest-pose frame", "20.5", "within half a frame", "libx264",
    ):  # fmt: skip
        assert expected in text


def test_what_was_not_measured_is_left_out_or_a_dash():
    data = report_data(pose=None, heldout={}, av_sync=None, advice=[], warnings=[], feature_network=None)
    text = Page(render_page(data, [], None)).text
    assert "Pose error" not in text
    assert "against itself" not in text
    assert "Advice" not in text
    assert "None" not in text


def test_page_is_valid_enough_to_close_what_it_opens(still):
    html = render_page(report_data(), [still], None)
    for tag in ("div", "section", "table", "tr", "td", "th", "ul", "li", "figure", "main", "tbody", "thead"):
        assert len(re.findall(f"<{tag}[ >]", html)) == html.count(f"</{tag}>"), tag


def test_best_of_each_column_is_marked():
    assert best_rows(HELDOUT) == dict.fromkeys(("perceptual", "ssim", "psnr", "flicker"), "standard")
    assert best_rows({"draft": HELDOUT["draft"]}) == {}
    assert best_rows({"a": {"psnr": None}, "b": {"psnr": 3.0}}) == {}


@pytest.mark.parametrize(
    ("seconds", "text"), [(None, "–"), (0.04, "0.0 s"), (59.9, "59.9 s"), (125, "2 min 5 s"), (7260, "2 h 1 min")]
)
def test_durations_read_as_said(seconds, text):
    assert duration(seconds) == text


def test_numbers_read_with_their_digits():
    assert (number(1.234), number(None), percent(0.456), percent(None)) == ("1.23", "–", "46 %", "–")
