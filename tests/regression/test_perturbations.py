"""Perturbations: pixels by hand, the same bytes each time, and prompts whose placeholders survive."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from blpo_inspect.judging.asking import judge_message
from blpo_inspect.judging.labels import LabelScale
from blpo_inspect.judging.prompts import PromptPair, fill, placeholders
from blpo_inspect.regression import perturbations
from blpo_inspect.regression.perturbations import PERTURBATIONS

SAFETY = LabelScale("unordered", ("safe", "unsafe"), aliases={"fine": "safe"})
RATING = LabelScale("ordinal", ("1", "2", "3"))


def encoded(image: Image.Image, kind: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **({"lossless": True} if kind == "WEBP" else {}))
    return buffer.getvalue()


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


@pytest.fixture
def ramp() -> Image.Image:
    """100 × 50 pixels that grow brighter to the right and downwards."""
    image = Image.new("RGB", (100, 50))
    image.putdata([(x * 2, y * 4, 100) for y in range(50) for x in range(100)])
    return image


def test_padded_by_hand() -> None:
    # 3 × 3: eight edge pixels, seven of 80 and one of 160: mean 90; the middle does not count
    image = Image.new("RGB", (3, 3), (80, 0, 255))
    image.putpixel((0, 0), (160, 8, 255))
    image.putpixel((1, 1), (255, 255, 0))
    framed = opened(perturbations.padded(encoded(image)))
    assert framed.size == (5, 5)
    assert framed.getpixel((0, 0)) == framed.getpixel((4, 2)) == (90, 1, 255)
    assert framed.crop((1, 1, 4, 4)).tobytes() == image.tobytes()
    # 4 % of 100 and of 50
    assert opened(perturbations.padded(encoded(Image.new("RGB", (100, 50))))).size == (108, 54)


def test_cropped_by_hand(ramp: Image.Image) -> None:
    # 2 % of 100 and of 50: two columns and one row at each edge
    inner = opened(perturbations.cropped(encoded(ramp)))
    assert inner.size == (96, 48)
    assert inner.getpixel((0, 0)) == (4, 4, 100) and inner.getpixel((95, 47)) == (194, 192, 100)
    assert opened(perturbations.cropped(encoded(Image.new("RGB", (2, 3))))).size == (2, 1)


def test_brightness_by_hand() -> None:
    image = Image.new("RGB", (1, 1), (100, 250, 0))
    assert opened(perturbations.brighter(encoded(image))).getpixel((0, 0)) == (105, 255, 0)
    # 237.5 to the even neighbour
    assert opened(perturbations.darker(encoded(image))).getpixel((0, 0)) == (95, 238, 0)


def test_smaller(ramp: Image.Image) -> None:
    less = opened(perturbations.smaller(encoded(ramp)))
    assert less.size == (90, 45)
    assert opened(perturbations.smaller(encoded(Image.new("RGB", (1, 1))))).size == (1, 1)
    plain = opened(perturbations.smaller(encoded(Image.new("RGB", (20, 20), (7, 8, 9)))))
    assert plain.getcolors() == [(18 * 18, (7, 8, 9))]


def test_reencoding(ramp: Image.Image) -> None:
    jpeg = opened(perturbations.reencoded_jpeg(encoded(ramp)))
    assert jpeg.format == "JPEG" and jpeg.size == ramp.size
    apart = [abs(a - b) for a, b in zip(jpeg.convert("RGB").tobytes(), ramp.tobytes(), strict=True)]
    assert 0 < max(apart) < 25
    webp = opened(perturbations.reencoded_lossless(encoded(ramp)))
    assert webp.format == "WEBP" and webp.convert("RGB").tobytes() == ramp.tobytes()
    png = opened(perturbations.reencoded_lossless(encoded(ramp, "WEBP")))
    assert png.format == "PNG" and png.tobytes() == ramp.tobytes()


def test_what_a_viewer_shows_is_perturbed() -> None:
    clear = Image.new("RGBA", (10, 10), (0, 0, 0, 0))
    assert opened(perturbations.darker(encoded(clear))).getpixel((5, 5)) == (242, 242, 242)


@pytest.mark.parametrize("name", [name for name, one in PERTURBATIONS.items() if one.image])
def test_the_same_image_gives_the_same_bytes(name: str, ramp: Image.Image) -> None:
    change = PERTURBATIONS[name].image
    assert change is not None
    data = encoded(ramp)
    assert change(data) == change(data) != data


@pytest.mark.parametrize("name", [name for name, one in PERTURBATIONS.items() if one.prompt])
@given(st.text(alphabet="ab {}-1.\n", min_size=1, max_size=30))
def test_placeholders_and_words_survive(name: str, drawn: str) -> None:
    change = PERTURBATIONS[name].prompt
    assert change is not None
    prompt = f"Is {{text}} shown?\n{drawn.replace('{', '{{').replace('}', '}}')}"
    changed = change(prompt)
    assert placeholders(changed) == {"text"}
    PromptPair(changed)
    words = fill(prompt, {"text": "a cat"}).split()
    found = fill(changed, {"text": "a cat"}).split()
    assert [word for word in found if word not in ("-", "**Task**")] == [word for word in words if word != "-"]


def test_prompts_by_hand() -> None:
    assert perturbations.spaced("Safe?") == " Safe?  \n"
    assert perturbations.double_spaced("One.\nTwo.") == "One.\n\nTwo."
    assert perturbations.headed("Safe?") == "**Task**\n\nSafe?"
    assert perturbations.listed("One.\n\n- two\n* three\n4. four\n# five\nsix") == (
        "- One.\n\n- two\n* three\n4. four\n# five\n- six"
    )


def test_every_prompt_perturbation_changes_the_request() -> None:
    plain = judge_message("One.\nTwo.", SAFETY, images=[]).text
    for one in PERTURBATIONS.values():
        if one.prompt:
            assert judge_message(one.prompt("One.\nTwo."), SAFETY, images=[]).text != plain


def test_labels_in_another_order() -> None:
    turned = perturbations.reversed_labels(SAFETY)
    assert turned is not None
    assert turned.instruction() == "Answer with exactly one of: unsafe, safe."
    for answer in ("safe", "Unsafe.", "fine", "it is safe or unsafe"):
        assert turned.read(answer).label == SAFETY.read(answer).label
    assert perturbations.reversed_labels(RATING) is None


def test_what_applies() -> None:
    applies = {name: one.applies(RATING, "One line.") for name, one in PERTURBATIONS.items()}
    assert [name for name, does in applies.items() if not does] == ["label_order", "blank_lines"]
    assert all(one.applies(SAFETY, "Two\nlines.") for one in PERTURBATIONS.values())
