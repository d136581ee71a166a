import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steelyard.config.addresses import (
    is_loopback,
    join_host_port,
    parse_address,
    parse_listen_address,
    parse_network,
    split_host_port,
)
from steelyard.config.words import WrongValue


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("10.0.0.1:80", "10.0.0.1:80"),
        ("app.example.org:8080", "app.example.org:8080"),
        ("app_1:8080", "app_1:8080"),
        ("[2001:DB8::0:1]:443", "[2001:db8::1]:443"),
        ("unix:/run/app.sock", "unix:/run/app.sock"),
    ],
)
def test_a_server_address_in_its_normal_form(text: str, normal: str) -> None:
    assert parse_address(text) == normal


@pytest.mark.parametrize(
    ("value", "cure"),
    [
        ("10.0.0.1", 'add the port, as in "10.0.0.1:80"'),
        ("app.example.org", 'add the port, as in "app.example.org:80"'),
        ("http://10.0.0.1:8080/", 'did you mean "10.0.0.1:8080"?'),
        ("https://app.example.org", 'did you mean "app.example.org:443"?'),
        ("2001:db8::1", 'did you mean "[2001:db8::1]:80"?'),
        ("2001:db8:0:0:0:0:0:1:8080", 'did you mean "[2001:db8:0:0:0:0:0:1]:8080"?'),
        ("/run/app.sock", 'did you mean "unix:/run/app.sock"?'),
        ("10.0.0.1:0", ""),
        ("10.0.0.1:65536", ""),
        ("10.0.0.1:99999999999999", ""),
        ("10.0.0.256:80", ""),
        ("10.0.1:80", ""),
        ("010.0.0.1:80", ""),
        ("-app:80", ""),
        ("app:", 'add the port, as in "app:80"'),
        (":80", ""),
        ("[::1%lo]:80", ""),
        ("[::g]:80", ""),
        ("unix:run/app.sock", ""),
        ("unix:/" + "x" * 107, ""),
        ("app:٨٠", ""),
        (80, ""),
        ("", ""),
    ],
)
def test_what_is_no_server_address(value: object, cure: str) -> None:
    with pytest.raises(WrongValue) as refused:
        parse_address(value)
    assert refused.value.cure == cure


@pytest.mark.parametrize(
    ("text", "normal"), [(":80", "[::]:80"), ("[::]:80", "[::]:80"), ("127.0.0.1:0", "127.0.0.1:0")]
)
def test_a_listen_address(text: str, normal: str) -> None:
    assert parse_listen_address(text) == normal


@pytest.mark.parametrize(("value", "cure"), [(80, 'did you mean ":80"?'), ("80", 'did you mean ":80"?'), (True, "")])
def test_what_is_no_listen_address(value: object, cure: str) -> None:
    with pytest.raises(WrongValue) as refused:
        parse_listen_address(value)
    assert refused.value.cure == cure


@given(st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)), st.integers(1, 65535))
def test_splitting_undoes_joining(address: ipaddress.IPv4Address | ipaddress.IPv6Address, port: int) -> None:
    text = join_host_port(str(address), port)
    assert split_host_port(text) == (str(address), port)
    assert parse_address(parse_address(text)) == parse_address(text)


@given(st.text())
def test_any_text_is_an_address_or_refused(text: str) -> None:
    for parse in (parse_address, parse_listen_address, parse_network):
        try:
            normal = parse(text)
        except WrongValue:
            continue
        assert parse(normal) == normal


def test_networks() -> None:
    assert parse_network("10.0.0.0/8") == "10.0.0.0/8"
    assert parse_network("192.0.2.1") == "192.0.2.1/32"
    with pytest.raises(WrongValue, match=r'did you mean "10\.0\.0\.0/8"\?'):
        parse_network("10.1.2.3/8")
    with pytest.raises(WrongValue):
        parse_network("ten")


def test_only_loopback_is_loopback() -> None:
    assert all(map(is_loopback, ("127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "localhost:1")))
    assert not any(map(is_loopback, ("0.0.0.0:1", "[::]:1", "192.0.2.1:1", "admin.example.org:1")))
