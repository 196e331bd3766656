"""What is known of the images of a version, as responses."""

from urllib.parse import urlencode

from api.http.root_path import public_path
from api.schemas.dataset_images import DatasetImage, DatasetImageLinks
from api.views.dataset_views import DATASETS, version_url
from api.views.image_table import ImageTable


def image(dataset: str, number: int, table: ImageTable, row: int) -> DatasetImage:
    """One image. Its id is safe in a URL; the rest is text that a stranger has chosen."""
    name = table.id_of(row)
    version = version_url(dataset, number)
    return DatasetImage.model_validate(
        {
            "id": name,
            "name": table.name_of(row),
            "class": table.class_of(row),
            "split": table.split_of(row),
            "bytes": table.place_of(row).length,
            "links": DatasetImageLinks(self=f"{version}/images/{name}", version=version),
        }
    )


def images_url(dataset: str, number: int, query: dict[str, str | int]) -> str:
    """The URL of a page of images."""
    return public_path(f"{DATASETS}/{dataset}/versions/{number}/images?{urlencode(query)}")
