"""Functions of IP addresses and networks."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from bakepy.evaluator.functions.arguments import integer, strings
from bakepy.evaluator.functions.library import Surroundings
from bakepy.evaluator.functions.record import ArgumentFault, CallFault, Function, Parameter
from bakepy.values.types import NUMBER, STRING, ListType, Type
from bakepy.values.value import Value, list_, string

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_MAX_NEW_BITS = 32


def _network(text: str) -> Network:
    address, slash, bits = text.partition("/")
    if slash and bits.isascii() and bits.isdigit() and "%" not in address:
        try:
            return ipaddress.ip_network(f"{address}/{int(bits)}", strict=False)
        except ValueError:
            pass
    raise CallFault(f"invalid CIDR expression: invalid CIDR address: {text}")


def _same_family(network: Network, value: int, bits: int) -> Network:
    return type(network)((value, bits))


def _host(args: Sequence[Value], returns: Type) -> Value:
    number = integer(args[1])
    network = _network(args[0].text)
    last = network.num_addresses - 1
    at = last + 1 + number if number < 0 else number
    if not 0 <= at <= last:
        raise CallFault(f"prefix of {network.prefixlen} does not accommodate a host numbered {number}")
    return string(str(network[at]))


def _netmask(args: Sequence[Value], returns: Type) -> Value:
    return string(str(_network(args[0].text).netmask))


def _subnet(args: Sequence[Value], returns: Type) -> Value:
    new_bits, number = integer(args[1]), integer(args[2])
    network = _network(args[0].text)
    if new_bits > _MAX_NEW_BITS:
        raise CallFault(f"may not extend prefix by more than {_MAX_NEW_BITS} bits")
    bits = network.prefixlen + new_bits
    if bits > network.max_prefixlen or new_bits < 0:
        raise CallFault(f"insufficient address space to extend prefix of {network.prefixlen} by {new_bits}")
    if not 0 <= number < 1 << new_bits:
        raise CallFault(f"prefix extension of {new_bits} does not accommodate a subnet numbered {number}")
    start = int(network.network_address) + (number << (network.max_prefixlen - bits))
    return string(str(_same_family(network, start, bits)))


def _subnets(args: Sequence[Value], returns: Type) -> Value:
    try:
        network = _network(args[0].text)
    except CallFault as fault:
        raise ArgumentFault(0, fault.message) from None
    start, end = int(network.network_address), int(network.broadcast_address)
    out: list[Value] = []
    before = ""
    for i, arg in enumerate(args[1:], 1):
        bits = network.prefixlen + _new_bits(i, arg)
        if bits > network.max_prefixlen:
            raise ArgumentFault(
                i, f"would extend prefix to {bits} bits, which is too long for an IPv{network.version} address"
            )
        size = 1 << (network.max_prefixlen - bits)
        start = -(-start // size) * size
        if start > end:
            raise ArgumentFault(
                i, f"not enough remaining address space for a subnet with a prefix of {bits} bits after {before}"
            )
        before = str(_same_family(network, start, bits))
        out.append(string(before))
        start += size
    return list_(out, STRING)


def _new_bits(index: int, arg: Value) -> int:
    try:
        bits = integer(arg)
    except CallFault as fault:
        raise ArgumentFault(index, fault.message) from None
    if bits < 1:
        raise ArgumentFault(index, "must extend prefix by at least one bit")
    if bits > _MAX_NEW_BITS:
        raise ArgumentFault(index, f"may not extend prefix by more than {_MAX_NEW_BITS} bits")
    return bits


def functions(surroundings: Surroundings) -> list[Function]:
    """Return the records of this family."""
    prefix, new_bits = strings("prefix"), Parameter("newbits", NUMBER)
    return [
        Function(
            "cidrhost",
            (*prefix, Parameter("hostnum", NUMBER)),
            None,
            STRING,
            _host,
            "Returns the address of a host within a network; a negative number counts from the end.",
        ),
        Function("cidrnetmask", prefix, None, STRING, _netmask, "Returns the mask of a network."),
        Function(
            "cidrsubnet",
            (*prefix, new_bits, Parameter("netnum", NUMBER)),
            None,
            STRING,
            _subnet,
            "Returns a network within a network.",
        ),
        Function(
            "cidrsubnets",
            prefix,
            new_bits,
            ListType(STRING),
            _subnets,
            "Returns networks within a network, one after the other.",
        ),
    ]
