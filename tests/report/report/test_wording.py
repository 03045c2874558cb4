"""Names and numbers as a person reads them: expected texts written by hand."""

from __future__ import annotations

import math

import pytest

from analysis.report.report.wording import (
    count_of,
    list_of,
    title_of,
    write_bytes,
    write_duration,
    write_number,
    write_numbers,
    write_percent,
)


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("n_images", "Images"),
        ("is_greyscale", "Greyscale"),
        ("median_width_px", "Median width (px)"),
        ("train_fraction", "Train share"),
        ("total_bytes", "Total"),
        ("test_macro_f1", "Test macro F1"),
        ("item_id", "Image ID"),
        ("baseline_resnet", "Baseline ResNet"),
        ("train@focal", "Train: focal"),
        ("n", "N"),
        ("n_a", "N a"),
        ("fraction", "Fraction"),
        ("", ""),
    ],
)
def test_title_of_puts_units_where_a_reader_expects_them(name: str, title: str) -> None:
    assert title_of(name) == title


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("n_images", 1797, "1,797"),
        ("n_images", 0, "0"),
        ("test_accuracy", 0.97222, "0.972"),
        ("test_accuracy", 1.0, "1"),
        ("ratio", 12.3456, "12.35"),
        ("ratio", 12345.6, "12,346"),
        ("log_ratio", -0.5, "−0.500"),
        ("p_value", 3.2e-12, "3.2e-12"),
        ("flagged_fraction", 0.1234, "12.3%"),
        ("total_bytes", 1_234_567, "1.2 MB"),
        ("anything", None, "–"),
        ("anything", math.nan, "–"),
        ("anything", math.inf, "–"),
    ],
)
def test_write_number_gives_the_unit_and_no_more_digits_than_are_read(
    name: str, value: float | None, text: str
) -> None:
    assert write_number(name, value) == text


def test_write_numbers_gives_a_column_the_same_decimals() -> None:
    assert write_numbers("contrast", [0.5, 12.345, None, 2.0]) == ["0.50", "12.35", "–", "2.00"]
    assert write_numbers("item_id", [12345.0]) == ["12345"]
    assert write_numbers("score", [1.0, 0.5]) == ["1.00", "0.50"]
    assert write_numbers("n_images", []) == []


@pytest.mark.parametrize(
    ("share", "text"),
    [(0, "0%"), (1, "100%"), (0.5, "50.0%"), (0.0001, "<0.1%"), (0.9999, ">99.9%"), (0.9985, "99.9%")],
)
def test_write_percent_never_rounds_to_none_or_all(share: float, text: str) -> None:
    assert write_percent(share) == text


@pytest.mark.parametrize(
    ("n_bytes", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (999_499, "999 kB"),
        (999_600, "1.0 MB"),
        (5e15, "5000 TB"),
    ],
)
def test_write_bytes_changes_the_unit_in_time(n_bytes: float, text: str) -> None:
    assert write_bytes(n_bytes) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.04, "0.0 s"),
        (9.94, "9.9 s"),
        (38.4, "38 s"),
        (59.6, "1 min 00 s"),
        (245, "4 min 05 s"),
        (3600, "1 h 00 min"),
        (7620, "2 h 07 min"),
    ],
)
def test_write_duration_is_as_precise_as_is_useful(seconds: float, text: str) -> None:
    assert write_duration(seconds) == text


def test_count_of_agrees_with_its_noun() -> None:
    assert [count_of(1, "image"), count_of(1200, "image")] == ["1 image", "1,200 images"]
    assert [count_of(1, "class"), count_of(2, "class")] == ["1 class", "2 classes"]


def test_list_of_names_a_single_other_rather_than_counting_it() -> None:
    words = ["a", "b", "c", "d", "e"]
    assert list_of(words[:1], at_most=2) == "a"
    assert list_of(words[:3], at_most=2) == "a, b and c"
    assert list_of(words, at_most=2) == "a, b and 3 others"
