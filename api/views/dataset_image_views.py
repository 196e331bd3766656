"""What is known of the images of a version, as responses."""

from collections.abc import Sequence
from urllib.parse import urlencode

from api.http.root_path import public_path
from api.schemas.dataset_images import DatasetImage
from api.views.dataset_views import DATASETS, version_url
from api.views.image_table import ImageTable


def image(dataset: str, number: int, table: ImageTable, row: int) -> DatasetImage:
    """One image."""
    return images(dataset, number, table, [row])[0]


def images(dataset: str, number: int, table: ImageTable, rows: Sequence[int]) -> list[DatasetImage]:
    """Some images, in the order of `rows`. Their ids are safe in a URL; the rest is text that a stranger has chosen."""
    version = version_url(dataset, number)
    return [
        DatasetImage.model_validate(
            {
                "id": image_id,
                "name": name,
                "class": table.class_of(row),
                "split": table.split_of(row),
                "bytes": table.place_of(row).length,
                "links": {"self": f"{version}/images/{image_id}", "version": version},
            }
        )
        for row, name, image_id in zip(rows, table.names_of(rows), map(table.id_of, rows), strict=True)
    ]


def images_url(dataset: str, number: int, query: dict[str, str | int]) -> str:
    """The URL of a page of images."""
    return public_path(f"{DATASETS}/{dataset}/versions/{number}/images?{urlencode(query)}")
