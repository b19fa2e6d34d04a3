"""The checks of keys, tokens and passwords: whether it is one, or a placeholder, a name, a look-up, a word.

Each is a `waivern.rulesets.validators.registry.Validator`. Of an assignment (`password = "..."`) only the value is
valid, so that only the value is masked as one.
"""

import base64
import binascii
import json
import math
import re
import zlib
from collections import Counter
from collections.abc import Callable
from itertools import pairwise

_SEPARATOR = re.compile(r"(?:=>|:=|[:=])[ \t]*")
_QUOTES = "\"'`"
_PLACEHOLDER = re.compile(
    r"example|sample|dummy|placeholder|change[_-]?(?:me|this|it)|replace[_-]?(?:me|this|with)|redacted|not[_-]?a|fake|lorem"
    r"|your[_-]|\byour|<your|insert[_-]|enter[_-]|todo|fixme|foobar|invalid|undefined|xxxx|\*\*\*|\.\.\.|0{8}|(.)\1{7}",
    re.IGNORECASE,
)
_LOOK_UP = re.compile(
    r"[$#%]?\{|\}\}|\$\(|%\(|\$[A-Za-z_]|<[A-Za-z_]|%[sdv]\b|\benv\b|environ|getenv|\bprocess\.|\bvault:|!(?:vault|ref|sub)\b"
    r"|\bsecrets?\.|\bconfig[.\[(]|\bself\.|\bthis\.|\(\)|\[\]|->|::|\\",
    re.IGNORECASE,
)
_ASCENDING = re.compile("|".join(re.escape(run) for run in ("0123456789", "1234567890", "abcdefghij", "ABCDEFGHIJ")))
_WORDS_OF_NO_SECRET = frozenset(
    """
    abc abcd admin bar basic baz bearer default empty foo guest hidden login mypass mypassword mysecret name new no none
    null old optional pass passphrase passwd password postgres pw pwd qwerty required root secret string temp test
    testing testpass testpassword tiger token unknown user username value yes true false
    """.split()  # noqa: SIM905  read best as text
)
_TECHNICAL = re.compile(
    r"(?i:sha-?[0-9]|md5|bcrypt|scrypt|pbkdf2|argon2|oauth|base64|utf-?8|aes|hmac|x509|ntlm|pkcs|http|\.(?:py|js|ts|html?|json|ya?ml|png|php|go|rb|java|css)\b)"
)
_INNER_SYMBOL = re.compile(r"[A-Za-z0-9].*[!@#$%^&*+=?~;].*[A-Za-z0-9]|[0-9][!@#$%^&*+=?~;]|[!@#$%^&*+=?~;][0-9]")
_PATH_OR_NAME = re.compile(
    r"[/.~]?[A-Za-z_]+[0-9]?(?:[-_./:|,][A-Za-z_]*[0-9]{0,2})+|[.#/:@&].*|[0-9.,:/-]+|0x[0-9A-Fa-f]+|\w+://.*"
)
_LONGEST_KEY = 1024
_KEY_SIGNS = re.compile(r"[A-Za-z0-9+/=_.~-]+")
_BEHIND_KEY = {"", "#", ";", "&", '"', "'", "`", "<"}
_HEX = re.compile(r"[0-9a-f-]+|[0-9A-F-]+")
_UUID = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")
_NAME_OF_SECRET = re.compile(r"(?i:secret|api|auth|access)")
_DOTTED_NAME = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+")
_KINDS = str.maketrans(
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", "a" * 26 + "A" * 26 + "0" * 10, "+/=_.~-"
)
_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

Bounds = tuple[int, int]


def bits_a_character(value: str) -> float:
    """Return Shannon's entropy of the characters of `value`, in bits; of n characters it is log2(n) at the most."""
    total = len(value)
    return -sum(n / total * math.log2(n / total) for n in Counter(value).values())


def is_placeholder(value: str) -> bool:
    """Say whether `value` stands for a secret that is to be filled in ("changeme", "xxxx", "<your-key>", "EXAMPLE")."""
    return _PLACEHOLDER.search(value) is not None or _ASCENDING.search(value) is not None


def looks_random(value: str) -> bool:
    """Say whether `value`, 16 characters or more, is like one that a machine has drawn.

    Of its characters every kind (small, capital, digit) is spread over the whole: words in snake or camel case change
    kind seldom. The bounds are about two standard deviations below what random hexadecimal and base62 texts have.
    """
    kinds = value.translate(_KINDS)
    if len(kinds) < 16 or len(set(kinds)) < 2 or "0" not in kinds:
        return False
    changes = sum(one != other for one, other in pairwise(kinds)) / (len(kinds) - 1)
    least_changes = 0.2 if len(set(kinds)) == 2 else 0.3
    least_bits = 2.7 if _HEX.fullmatch(value) else 3.3
    return changes >= least_changes and bits_a_character(value) >= least_bits


def random_token(value: str) -> Bounds | None:
    """Accept what a known prefix has made a token of, unless it is a placeholder or all but one character repeated."""
    return _whole(value) if bits_a_character(value) >= 2.7 and not is_placeholder(value) else None


def token_with_checksum(value: str) -> Bounds | None:
    """Accept a token whose last six characters are the CRC32 of those behind its prefix, in base 62.

    Source: GitHub, "Behind GitHub's new authentication token formats"; npm's tokens have the same form.
    """
    body, checksum = value.rpartition("_")[2][:-6], value[-6:]
    return _whole(value) if _in_base62(zlib.crc32(body.encode())) == checksum else None


def _in_base62(number: int) -> str:
    signs = ""
    while number:
        number, rest = divmod(number, 62)
        signs = _BASE62[rest] + signs
    return signs.rjust(6, "0")


def random_key(value: str) -> Bounds | None:
    """Accept 16 or more characters that look drawn by a machine."""
    return _whole(value) if _is_key(value) else None


def key_at_end(value: str) -> Bounds | None:
    """Accept a header (`Bearer abc`, `X-Api-Key: abc`) that ends with a key that looks random."""
    start = max(value.rfind(sign) for sign in " \t:,>\"'") + 1
    return (start, len(value)) if _is_key(value[start:]) else None


def padded_token(value: str) -> Bounds | None:
    """Accept a token that begins with many "A": a zero in base64."""
    return _whole(value) if random_token(value.lstrip("A")) else None


def aws_secret_key(value: str) -> Bounds | None:
    """Accept what ends with 40 characters of base64 that look random and are no SHA-1. Source: AWS IAM user guide."""
    key = value[-40:]
    fits = _is_key(key) and not _HEX.fullmatch(key) and bits_a_character(key) >= 4
    return (len(value) - 40, len(value)) if fits else None


def json_web_token(value: str) -> Bounds | None:
    """Accept a token whose header is JSON that names an algorithm, and whose claims are JSON. Source: RFC 7519, 3."""
    header, claims = (_json_of(part) for part in value.split(".")[:2])
    return _whole(value) if "alg" in header and claims else None


def _json_of(part: str) -> dict[str, object]:
    try:
        decoded = json.loads(_from_base64(part))
    except (ValueError, RecursionError):
        return {}
    return decoded if isinstance(decoded, dict) else {}


def _from_base64(text: str) -> bytes:
    padded = text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4)
    return base64.b64decode(padded, altchars=b"-_" if "-" in text or "_" in text else None)


def basic_credentials(value: str) -> Bounds | None:
    """Accept `... Basic <base64>` whose text is "user:password" in ASCII. Source: RFC 7617, section 2."""
    start = max(value.rfind(sign) for sign in ' "') + 1
    try:
        user, colon, password = _from_base64(value[start:]).decode("ascii").partition(":")
    except (UnicodeDecodeError, binascii.Error):
        return None
    fits = bool(colon) and user.isprintable() and password.isprintable() and len(password) > 3
    is_known = password.lower() in _WORDS_OF_NO_SECRET or is_placeholder(user + password)
    return (start, len(value)) if fits and not is_known else None


def pem_body(value: str) -> Bounds | None:
    """Accept a PEM header behind which base64 follows that is no placeholder. Source: RFC 7468."""
    body = value.rpartition("-----")[2][-24:]
    return _whole(value) if bits_a_character(body) >= 3 and not is_placeholder(body) else None


def quoted_password(value: str) -> Bounds | None:
    """Accept an assignment whose value, between the last quotes, may be a password."""
    start, end = _quoted(value)
    return (start, end) if is_password(value[start:end]) else None


def quoted_key(value: str) -> Bounds | None:
    """Accept an assignment whose value, between the last quotes, looks random."""
    start, end = _quoted(value)
    is_mere_id = _UUID.fullmatch(value, start, end) is not None and not _NAME_OF_SECRET.search(value, 0, start)
    return (start, end) if _is_key(value[start:end]) and not is_mere_id else None


def plain_password(value: str) -> Bounds | None:
    """Accept `name=value` or `name: value` of a configuration file, whose value may be a password.

    The match goes on to the first sign behind the value. Where that is code, the value is an expression.
    """
    start, end, is_setting = _unquoted(value)
    said = value[start:end]
    is_name = re.fullmatch(r"[A-Za-z_][A-Za-z_0-9]*", said) is not None and not value[:start].strip("=: \t").isupper()
    in_order = is_setting and not is_name and not re.search(r"[(),;\[\]{}|<>]", said) and is_password(said)
    return (start, end) if in_order else None


def plain_key(value: str) -> Bounds | None:
    """Accept `name=value` or `name: value` of a configuration file, whose value looks random."""
    start, _, _ = _unquoted(value)
    key = _KEY_SIGNS.match(value, start)
    if key is None or value[key.end() :].strip()[:1] not in _BEHIND_KEY or _DOTTED_NAME.fullmatch(key[0]):
        return None
    return key.span() if _is_key(key[0]) else None


def listed_password(value: str) -> Bounds | None:
    """Accept `Password=value` of a connection string, less the ";" at its end."""
    said = value[value.index("=") + 1 :].strip().rstrip(";")
    start = value.index(said, value.index("="))
    return (start, start + len(said)) if is_password(said) else None


def password_behind_colon(value: str) -> Bounds | None:
    """Accept `-u user:password` of a command."""
    start = value.index(":") + 1
    return (start, len(value)) if is_password(value[start:]) else None


def url_password(value: str) -> Bounds | None:
    """Accept `scheme://user:password@h` whose password is neither a placeholder nor a word that says "password"."""
    start = value.index("://") + 3
    user, colon, password = value[start : value.rindex("@")].partition(":")
    first = start + len(user + colon)
    is_word = password.lower() in _WORDS_OF_NO_SECRET or password.lower() == user.lower() or len(password) < 5
    is_web = value.lower().startswith("http")
    if is_word or is_placeholder(password) or _LOOK_UP.search(password) or (is_web and not is_password(password)):
        return None
    return first, first + len(password)


def is_password(value: str) -> bool:
    """Say whether what is assigned to a field named for a password is one.

    It has letters and either a digit or a symbol, so that labels, messages and names are none; a password that is one
    word is missed.
    """
    if not 6 <= len(value) <= 128 or not value.isascii() or any(sign.isspace() for sign in value):
        return False
    letters = "".join(filter(str.isalpha, value)).lower()
    if not letters or letters in _WORDS_OF_NO_SECRET or is_placeholder(value) or _LOOK_UP.search(value):
        return False
    if _PATH_OR_NAME.fullmatch(value) or _TECHNICAL.search(value):
        return False
    return any(map(str.isdigit, value)) or _INNER_SYMBOL.search(value) is not None


def _is_key(value: str) -> bool:
    return bool(
        len(value) <= _LONGEST_KEY
        and _KEY_SIGNS.fullmatch(value)
        and looks_random(value)
        and not is_placeholder(value)
        and not _LOOK_UP.search(value)
    )


def _whole(value: str) -> Bounds:
    return 0, len(value)


def _quoted(assignment: str) -> Bounds:
    """Where the value stands that ends before the last quote, or before the tag that closes its element."""
    end = assignment.rindex("<") if assignment.endswith("<") else max(assignment.rfind(sign) for sign in _QUOTES)
    openers = ">" if assignment.endswith("<") else _QUOTES
    return max(assignment.rfind(sign, 0, end) for sign in openers) + 1, end


def _unquoted(assignment: str) -> tuple[int, int, bool]:
    """Where the value stands, and whether nothing but a comment follows it."""
    separator = _SEPARATOR.search(assignment)
    start = separator.end() if separator else 0
    said, _, more = assignment[start:].partition(" ")
    said = said.partition("\t")[0]
    return start, start + len(said), more.strip()[:1] in ("", "#", ";")


SECRET_VALIDATORS: dict[str, Callable[[str], Bounds | None]] = {
    "aws_secret_key": aws_secret_key,
    "basic_credentials": basic_credentials,
    "json_web_token": json_web_token,
    "key_at_end": key_at_end,
    "listed_password": listed_password,
    "padded_token": padded_token,
    "pem_body": pem_body,
    "plain_key": plain_key,
    "plain_password": plain_password,
    "quoted_key": quoted_key,
    "quoted_password": quoted_password,
    "random_key": random_key,
    "random_token": random_token,
    "token_with_checksum": token_with_checksum,
    "url_password": url_password,
    "password_behind_colon": password_behind_colon,
}
