import pytest

from training.names import closest_name, did_you_mean, difference, look_alikes, quoted, shown

KNOWN = ["cifar10", "cifar100", "fashion_mnist", "resnet18", "resnext50-32x4d", "wrn-28-10", "one_cycle"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("CIFAR-10", "cifar10"),
        ("cifar 100", "cifar100"),
        ("ResNet_18", "resnet18"),
        ("WRN-28-10", "wrn-28-10"),
        ("OneCycle", "one_cycle"),
        ("fashion-mnst", "fashion_mnist"),
        ("\uff32esnet18", "resnet18"),
        ("xyz", None),
        ("r" * 100_000, None),
    ],
)
def test_what_was_meant(name: str, expected: str | None) -> None:
    assert closest_name(name, KNOWN) == expected
    assert did_you_mean(name, KNOWN) == (f"; did you mean {expected!r}?" if expected else "")


def test_a_name_is_shown_as_it_can_be_seen() -> None:
    plain = ["cat", "a b", "caf\u00e9", "\u72ac"]
    assert [shown(name) for name in plain] == plain
    assert [shown(name) for name in ("a ", "a\u200b", "cafe\u0301", "", "a\nb")] == [
        "'a '",
        "'a\\u200b'",
        "'cafe\\u0301'",
        "''",
        "'a\\nb'",
    ]


def test_text_that_looks_like_ascii_and_is_not_is_quoted_with_escapes() -> None:
    assert quoted("d\u0430taset") == "'d\\u0430taset'"
    assert quoted("dataset\u200b") == "'dataset\\u200b'"
    assert quoted("caf\u00e9") == "'caf\u00e9'"
    assert quoted("a" * 100) == repr("a" * 64 + "\u2026")


def test_look_alikes_are_found_and_told_apart() -> None:
    pairs = look_alikes(["Cat", "b\u0456rd", "dog", "fish"], ["cat", "bird", "dog", "whale"])
    assert pairs == [("Cat", "cat"), ("b\u0456rd", "bird")]
    assert difference(*pairs[0]) == "Cat and cat differ only in upper and lower case"
    assert difference("\ufb01sh", "fish") == "'\\ufb01sh' and 'fish' differ in characters that look alike"
