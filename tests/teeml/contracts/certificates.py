# SPDX-License-Identifier: Apache-2.0
"""Random certificates of the kind that the contracts read, and ways to break them."""

from __future__ import annotations

import random
from collections.abc import Callable

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from tests.teeml.contracts.trees import Node, read
from verifiers.teeml.simulated.authority import moment

ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
LAST = 4_000_000_000  # in the year 2096: past where UTCTime ends
OIDS = (x509.NameOID.COMMON_NAME, x509.NameOID.ORGANIZATION_NAME, x509.NameOID.LOCALITY_NAME)
# Children of what is signed.
VERSION, SERIAL, ALGORITHM, ISSUER, VALIDITY, SUBJECT, KEY, EXTENSIONS = range(8)


def certificate(rng: random.Random) -> x509.Certificate:
    """One with a random name, serial, time, key and choice of extensions."""
    key = ec.derive_private_key(rng.randrange(1, ORDER), ec.SECP256R1())
    since, until = sorted((rng.randrange(LAST), rng.randrange(LAST)))
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(rng))
        .issuer_name(_name(rng))
        .public_key(key.public_key())
        .serial_number(rng.randrange(1, 1 << rng.randrange(1, 160)))
        .not_valid_before(moment(since))
        .not_valid_after(moment(until))
    )
    for extension, critical in _extensions(rng, key.public_key()):
        builder = builder.add_extension(extension, critical)
    return builder.sign(key, SHA256())


def _name(rng: random.Random) -> x509.Name:
    texts = ("".join(rng.choices("abcdefghij ", k=rng.randrange(1, 40))) for _ in OIDS)
    kinds = rng.sample(OIDS, rng.randrange(1, len(OIDS) + 1))
    return x509.Name([x509.NameAttribute(*pair) for pair in zip(kinds, texts, strict=False)])


def _extensions(
    rng: random.Random, key: ec.EllipticCurvePublicKey
) -> list[tuple[x509.ExtensionType, bool]]:
    ca = rng.random() < 0.5
    depth = rng.choice((None, 0, 1, 100)) if ca else None
    signs = rng.random() < 0.5
    usage = x509.KeyUsage(signs, signs, False, False, False, True, ca, False, False)
    url = x509.UniformResourceIdentifier("http://127.0.0.1/" + "x" * rng.randrange(200))
    known: list[tuple[x509.ExtensionType, bool]] = [
        (x509.BasicConstraints(ca, depth), rng.random() < 0.5),
        (usage, rng.random() < 0.5),
        (x509.SubjectKeyIdentifier.from_public_key(key), False),
        (x509.AuthorityKeyIdentifier.from_issuer_public_key(key), False),
        (x509.CRLDistributionPoints([x509.DistributionPoint([url], None, None, None)]), False),
    ]
    return rng.sample(known, rng.randrange(1, len(known) + 1))


# --- broken ones ------------------------------------------------------------------------------


def broken(one: x509.Certificate, rng: random.Random) -> tuple[str, bytes]:
    """What was done to the certificate, and the result, which is no strict DER of its kind."""
    name, change = rng.choice(CHANGES)
    tree = read(one.public_bytes(Encoding.DER))
    return name, change(tree, rng)


Change = Callable[[Node, random.Random], bytes]


def _structure(tree: Node) -> list[Node]:
    """All that the contracts look at: not inside names, points and values of extensions."""
    signed, algorithm, _ = tree.children
    parts = [tree, signed, *algorithm.walk(), *signed.children[VALIDITY].walk()]
    parts += [*signed.children[ALGORITHM].walk(), *signed.children[KEY].walk()]
    parts += [signed.children[SERIAL], *signed.children[VERSION].walk()]
    return [*parts, *signed.children[EXTENSIONS].walk()]


def _long_length(tree: Node, rng: random.Random) -> bytes:
    rng.choice(_structure(tree)).padding = rng.randrange(1, 3)
    return tree.write()


def _other_tag(tree: Node, rng: random.Random) -> bytes:
    rng.choice(_structure(tree)).tag ^= 1 << rng.randrange(5)
    return tree.write()


def _more_inside(tree: Node, rng: random.Random) -> bytes:
    nodes = [node for node in _structure(tree) if node.children]
    rng.choice(nodes).children.append(Node(5))
    return tree.write()


def _less_inside(tree: Node, rng: random.Random) -> bytes:
    # Without one extension of several a certificate is as good as before.
    extensions = tree.children[0].children[EXTENSIONS].children[0]
    nodes = [node for node in _structure(tree) if node.children and node is not extensions]
    node = rng.choice(nodes)
    # Nor is one that is no longer critical.
    node.children.remove(rng.choice([child for child in node.children if child.tag != 1]))
    return tree.write()


def _twice(tree: Node, rng: random.Random) -> bytes:
    extensions = tree.children[0].children[EXTENSIONS].children[0]
    extensions.children.append(rng.choice(extensions.children))
    return tree.write()


def _false_critical(tree: Node, rng: random.Random) -> bytes:
    extensions = tree.children[0].children[EXTENSIONS].children[0]
    extension = rng.choice(extensions.children)
    value = Node(1, rng.choice((b"\0", b"\1", b"\xfe")))
    extension.children = [extension.children[0], value, extension.children[-1]]
    return tree.write()


def _unknown_critical(tree: Node, rng: random.Random) -> bytes:
    extensions = tree.children[0].children[EXTENSIONS].children[0]
    name = Node(6, rng.choice((b"\x55\x1d\x36", b"\x55\x1d\x1e", b"\x2a\x03\x04")))
    extensions.children.append(Node(0x30, b"", [name, Node(1, b"\xff"), Node(4, b"\x05\0")]))
    return tree.write()


def _bad_serial(tree: Node, rng: random.Random) -> bytes:
    """Negative, zero, a zero byte too many, too large."""
    bad = (b"\x80", b"\xff\0", b"\0", b"\0\1", b"\0\0\x80", b"\1" * 21, b"\x00" + b"\xff" * 21, b"")
    tree.children[0].children[SERIAL].content = rng.choice(bad)
    return tree.write()


def _bad_date(tree: Node, rng: random.Random) -> bytes:
    date = rng.choice(tree.children[0].children[VALIDITY].children)
    date.tag, date.content = (
        0x17,
        rng.choice(
            (
                b"250230000000Z",
                b"251301000000Z",
                b"250001000000Z",
                b"250100000000Z",
                b"250101240000Z",
                b"250101006000Z",
                b"250101000060Z",
                b"2501010000Z",
                b"250101000000+",
                b"25010100000:Z",
            )
        ),
    )
    return tree.write()


def _early_general_date(tree: Node, rng: random.Random) -> bytes:
    date = rng.choice(tree.children[0].children[VALIDITY].children)
    date.tag, date.content = 0x18, b"20490101000000Z"
    return tree.write()


def _other_algorithm(tree: Node, rng: random.Random) -> bytes:
    algorithms = (tree.children[0].children[ALGORITHM], tree.children[1])
    rng.choice(algorithms).children[0].content = b"\x2a\x86\x48\xce\x3d\x04\x03\x03"
    return tree.write()


def _bad_signature(tree: Node, rng: random.Random) -> bytes:
    bits = tree.children[2]
    pair = read(bits.content[1:])
    number = rng.choice(pair.children)
    number.content = rng.choice((b"\0\0" + number.content, b"\x80" + number.content[1:], b""))
    bits.content = rng.choice((b"\0", b"\0", b"\1")) + pair.write()
    return tree.write()


def _trailing(tree: Node, rng: random.Random) -> bytes:
    return tree.write() + bytes(rng.randrange(1, 40))


def _cut(tree: Node, rng: random.Random) -> bytes:
    whole = tree.write()
    return whole[: rng.randrange(len(whole))]


def _grown_signature(tree: Node, rng: random.Random) -> bytes:
    tree.children[2].content += bytes(rng.randrange(1, 4))
    return tree.write()


CHANGES: tuple[tuple[str, Change], ...] = (
    ("long length", _long_length),
    ("another tag", _other_tag),
    ("something more inside", _more_inside),
    ("something less inside", _less_inside),
    ("an extension twice", _twice),
    ("critical, but not true", _false_critical),
    ("an unknown critical extension", _unknown_critical),
    ("a bad serial", _bad_serial),
    ("a bad date", _bad_date),
    ("a date in the wrong form", _early_general_date),
    ("another algorithm", _other_algorithm),
    ("a bad signature", _bad_signature),
    ("bytes at the end", _trailing),
    ("cut off", _cut),
    ("bytes behind the signature", _grown_signature),
)
