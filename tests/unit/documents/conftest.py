"""The data files as the service reads them."""

from importlib.resources import files

import pytest
from carnet_documents.cda.examine import Examiner
from carnet_documents.domain.classes import TypeClasses
from carnet_documents.domain.formats import AcceptedFormats


def _text(name: str) -> str:
    return files("carnet_documents.data").joinpath(name).read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def formats() -> AcceptedFormats:
    return AcceptedFormats.load(_text("accepted-formats.csv"))


@pytest.fixture(scope="session")
def examiner(formats: AcceptedFormats) -> Examiner:
    return Examiner(formats)


@pytest.fixture(scope="session")
def type_classes() -> TypeClasses:
    return TypeClasses.load(_text("type-class.csv"))
