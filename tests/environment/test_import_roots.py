import pytest

from environment.import_roots import import_root, is_below


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("file:///srv/images/", "file:///srv/images"),
        ("file:///srv/my%20images", "file:///srv/my images"),
        ("s3://bucket", "s3://bucket"),
        ("s3://bucket/a/b/", "s3://bucket/a/b"),
    ],
)
def test_places_are_read(text: str, read: str) -> None:
    assert import_root(text) == read


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/srv",
        "file://host/srv",
        "file:///srv/../etc",
        "file:///srv/%2e%2e/etc",
        "http://x/y",
        "s3://",
        "s3://b/../c",
        "s3://b/a?x",
    ],
)
def test_what_is_no_place_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="should be"):
        import_root(text)


def test_only_what_lies_below_a_root_is_allowed() -> None:
    roots = ("file:///srv/images", "s3://bucket/a")
    assert all(is_below(source, roots) for source in ("file:///srv/images", "file:///srv/images/x", "s3://bucket/a/b"))
    assert not any(
        is_below(source, roots) for source in ("file:///srv/images2", "file:///srv", "s3://bucket/ab", "s3://a")
    )
