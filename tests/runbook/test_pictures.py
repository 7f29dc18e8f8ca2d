from __future__ import annotations

import io
import subprocess
import sys
import threading

import pytest
from PIL import Image

from runbook import pictures

COLLECTIONS = ["Carriers", "DriverProfiles", "CarrierReviewsAndRatingsOfDrivers", "A $cost_{x}$ <b>"]


def names(n: int) -> list[str]:
    return [COLLECTIONS[i % 4] + (str(i) if i > 3 else "") for i in range(n)]


def requests(n: int) -> list[dict]:
    return [{"at": 1.7e9 + i / 5, "ms": 20 + i * 7 % 400, "status": 429 if i % 50 == 7 else 200} for i in range(n)]


def drawn(n: int) -> dict[str, pictures.Picture | pictures.NoPicture]:
    kinds = ["suite at the source", "suite in Airtable", "every cell", "links"]
    outcomes = ["pass", "warn", "fail", "error", None]
    return {
        "counts": pictures.counts([(x, 10 ** (i % 5), 10 ** (i % 5) - i % 2, i % 2) for i, x in enumerate(names(n))]),
        "requests": pictures.requests_over_time(requests(n * 50), 5),
        "outcomes": pictures.outcomes(
            {x: {k: outcomes[(i + j) % 5] for j, k in enumerate(kinds)} for i, x in enumerate(names(n))}
        ),
        "quarantine": pictures.quarantine(
            {f"{x}: text where a whole number must be": i + 1 for i, x in enumerate(names(n))}
        ),
        "latency": pictures.latency(requests(n * 50)),
        "limit": pictures.record_limit({x: 10 * i + 1 for i, x in enumerate(names(n))}, 5000),
    }


@pytest.mark.slow
@pytest.mark.parametrize("n", [1, 9, 40])
def test_pictures_are_small_and_sized_for_a_page(n):
    for name, picture in drawn(n).items():
        assert isinstance(picture, pictures.Picture), name
        assert len(picture.png) < 60_000, name
        with Image.open(io.BytesIO(picture.png)) as image:
            assert 780 <= image.width <= 880, name
            assert image.height < 2000, name


@pytest.mark.slow
def test_the_same_data_give_the_same_picture():
    first, second = drawn(9), drawn(9)
    assert all(first[name].png == second[name].png for name in first)


def test_nothing_to_draw_says_so():
    for picture in (
        pictures.counts([]),
        pictures.requests_over_time([], 5),
        pictures.outcomes({}),
        pictures.outcomes({"Carriers": {}}),
        pictures.quarantine({}),
        pictures.quarantine({"reason": 0}),
        pictures.latency([]),
        pictures.record_limit({}, 1000),
        pictures.record_limit({"Carriers": 5}, 0),
    ):
        assert isinstance(picture, pictures.NoPicture)
        assert picture.summary in repr(picture)
        assert picture.summary in picture.html()


def test_edges():
    assert isinstance(pictures.counts([("Empty", 0, 0, 0)]), pictures.Picture)
    assert isinstance(pictures.latency([{"ms": 5}]), pictures.Picture)
    assert isinstance(pictures.latency([{"ms": 0}, {"ms": 0}]), pictures.Picture)
    assert isinstance(pictures.requests_over_time([{"at": 1.0, "status": 200}], 5), pictures.Picture)


def test_words_say_what_is_drawn():
    assert "10 rows exported = 9 loaded + 1 in quarantine" in repr(pictures.counts([("A", 10, 9, 1)]))
    assert "✗ 10 rows exported, but 8 loaded and 1 in quarantine" in repr(pictures.counts([("A", 10, 8, 1)]))
    said = repr(pictures.requests_over_time(requests(100), 5))
    assert "100 requests in 20 s, at most 5 in one second of the 5 allowed, 2 answered 429" in said
    said = repr(pictures.latency([{"ms": n} for n in range(1, 101)]))
    assert "P50 50 ms, P95 95 ms, P99 99 ms, the longest 100 ms" in said
    assert "96.0%, ✗ full" in repr(pictures.record_limit({"A": 960}, 1000))
    assert "80.0%, ! close to the limit" in repr(pictures.record_limit({"A": 800}, 1000))
    assert "79.9%, ✓ room left" in repr(pictures.record_limit({"A": 799}, 1000))
    assert "45 entries" in repr(pictures.quarantine({"a": 40, "b": 5}))


def test_an_unknown_outcome_is_never_a_pass():
    said = repr(pictures.outcomes({"Carriers": {"suite": "shrug"}, "Jobs": {"suite": "passed"}}))
    assert "1 pass, 1 error; not green: Carriers" in said


def test_shows_itself_with_words_for_those_who_cannot_see_it():
    picture = pictures.counts([("A<b>", 10, 9, 1)])
    data, metadata = picture._repr_mimebundle_()
    assert data["text/plain"] == repr(picture)
    assert metadata["image/png"]["alt"].endswith("1 collection")
    assert picture.html().startswith('<img alt="Rows at the source')
    assert 'src="data:image/png;base64,' in picture.html()


def test_no_global_state_of_matplotlib_is_touched():
    code = (
        "from runbook import pictures\nimport sys\nassert 'matplotlib' not in sys.modules\n"
        "pictures.counts([('A', 1, 1, 0)])\nassert 'matplotlib.pyplot' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_drawn_from_threads():
    wanted = drawn(3)["counts"].png
    got: list[bytes] = []
    threads = [threading.Thread(target=lambda: got.append(drawn(3)["counts"].png)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == [wanted] * 4
