"""The three ways to a relay, as fixtures."""

from __future__ import annotations

import pytest
from support.certificates import Authority
from support.ways import Way


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(params=["", "starttls", "implicit"], ids=["plain", "starttls", "tls"])
def way(request: pytest.FixtureRequest, authority: Authority) -> Way:
    return Way(request.param, authority)


@pytest.fixture
def plain(authority: Authority) -> Way:
    return Way("", authority)


@pytest.fixture
def starttls(authority: Authority) -> Way:
    return Way("starttls", authority)
