"""Validators for keys, tokens and passwords: they reject placeholders, names, variable references and words.

Each is a `waivern.rulesets.validators.registry.Validator`. In an assignment (`password = "..."`) only the value is
accepted, so that only the value is masked.
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
_VARIABLE_REFERENCE = re.compile(
    r"[$#%]?\{|\}\}|\$\(|%\(|\$[A-Za-z_]|<[A-Za-z_]|%[sdv]\b|\benv\b|environ|getenv|\bprocess\.|\bvault:|!(?:vault|ref|sub)\b"
    r"|\bsecrets?\.|\bconfig[.\[(]|\bself\.|\bthis\.|\(\)|\[\]|->|::|\\",
    re.IGNORECASE,
)
_ASCENDING = re.compile("|".join(re.escape(run) for run in ("0123456789", "1234567890", "abcdefghij", "ABCDEFGHIJ")))
_COMMON_WORDS = frozenset(
    """
    abc abcd admin bar basic baz bearer default empty foo guest hidden login mypass mypassword mysecret name new no none
    null old optional pass passphrase passwd password postgres pw pwd qwerty required root secret string temp test
    testing testpass testpassword tiger token unknown user username value yes true false
    """.split()  # noqa: SIM905  easier to read as text
)
_TECHNICAL = re.compile(
    r"(?i:sha-?[0-9]|md5|bcrypt|scrypt|pbkdf2|argon2|oauth|base64|utf-?8|aes|hmac|x509|ntlm|pkcs|http|\.(?:py|js|ts|html?|json|ya?ml|png|php|go|rb|java|css)\b)"
)
_INNER_SYMBOL = re.compile(r"[A-Za-z0-9].*[!@#$%^&*+=?~;].*[A-Za-z0-9]|[0-9][!@#$%^&*+=?~;]|[!@#$%^&*+=?~;][0-9]")
_PATH_OR_NAME = re.compile(
    r"[/.~]?[A-Za-z_]+[0-9]?(?:[-_./:|,][A-Za-z_]*[0-9]{0,2})+|[.#/:@&].*|[0-9.,:/-]+|0x[0-9A-Fa-f]+|\w+://.*"
)
_MAX_KEY_LENGTH = 1024
_KEY_CHARACTERS = re.compile(r"[A-Za-z0-9+/=_.~-]+")
_AFTER_KEY = {"", "#", ";", "&", '"', "'", "`", "<"}
_HEX = re.compile(r"[0-9a-f-]+|[0-9A-F-]+")
_UUID = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")
_SECRET_NAME = re.compile(r"(?i:secret|api|auth|access)")
_DOTTED_NAME = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+")
_CHARACTER_KINDS = str.maketrans(
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", "a" * 26 + "A" * 26 + "0" * 10, "+/=_.~-"
)
_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

Bounds = tuple[int, int]


def entropy(value: str) -> float:
    """Return the Shannon entropy of `value` in bits per character; at most log2(n) for n characters."""
    total = len(value)
    return -sum(n / total * math.log2(n / total) for n in Counter(value).values())


def is_placeholder(value: str) -> bool:
    """Return whether `value` is a placeholder for a secret ("changeme", "xxxx", "<your-key>", "EXAMPLE")."""
    return _PLACEHOLDER.search(value) is not None or _ASCENDING.search(value) is not None


def looks_random(value: str) -> bool:
    """Return whether `value` has at least 16 characters and looks machine-generated.

    In random text the kinds of characters (lower case, upper case, digit) alternate often; in words in snake or camel
    case they do so rarely. The limits are about two standard deviations below the mean of random hexadecimal and base62
    texts.
    """
    kinds = value.translate(_CHARACTER_KINDS)
    if len(kinds) < 16 or len(set(kinds)) < 2 or "0" not in kinds:
        return False
    changes = sum(one != other for one, other in pairwise(kinds)) / (len(kinds) - 1)
    min_changes = 0.2 if len(set(kinds)) == 2 else 0.3
    min_entropy = 2.7 if _HEX.fullmatch(value) else 3.3
    return changes >= min_changes and entropy(value) >= min_entropy


def random_token(value: str) -> Bounds | None:
    """Accept a token with a known prefix, unless it is a placeholder or has low entropy."""
    return _whole(value) if entropy(value) >= 2.7 and not is_placeholder(value) else None


def token_with_checksum(value: str) -> Bounds | None:
    """Accept a token whose last six characters are the CRC32 of those after its prefix, in base 62.

    Source: GitHub, "Behind GitHub's new authentication token formats"; npm's tokens have the same form.
    """
    body, checksum = value.rpartition("_")[2][:-6], value[-6:]
    return _whole(value) if _to_base62(zlib.crc32(body.encode())) == checksum else None


def _to_base62(number: int) -> str:
    digits = ""
    while number:
        number, digit = divmod(number, 62)
        digits = _BASE62[digit] + digits
    return digits.rjust(6, "0")


def random_key(value: str) -> Bounds | None:
    """Accept 16 or more characters that look machine-generated."""
    return _whole(value) if _is_key(value) else None


def key_at_end(value: str) -> Bounds | None:
    """Accept the random-looking key at the end of a header (`Bearer abc`, `X-Api-Key: abc`)."""
    start = max(value.rfind(separator) for separator in " \t:,>\"'") + 1
    return (start, len(value)) if _is_key(value[start:]) else None


def padded_token(value: str) -> Bounds | None:
    """Accept a token with leading "A" characters, which are zeros in base64."""
    return _whole(value) if random_token(value.lstrip("A")) else None


def aws_secret_key(value: str) -> Bounds | None:
    """Accept 40 characters of base64 at the end that look random and are not a SHA-1. Source: AWS IAM user guide."""
    key = value[-40:]
    is_valid = _is_key(key) and not _HEX.fullmatch(key) and entropy(key) >= 4
    return (len(value) - 40, len(value)) if is_valid else None


def json_web_token(value: str) -> Bounds | None:
    """Accept a token whose header is JSON with an algorithm, and whose claims are JSON. Source: RFC 7519, section 3."""
    header, claims = (_decode_json(part) for part in value.split(".")[:2])
    return _whole(value) if "alg" in header and claims else None


def _decode_json(part: str) -> dict[str, object]:
    try:
        decoded = json.loads(_decode_base64(part))
    except (ValueError, RecursionError):
        return {}
    return decoded if isinstance(decoded, dict) else {}


def _decode_base64(text: str) -> bytes:
    padded = text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4)
    return base64.b64decode(padded, altchars=b"-_" if "-" in text or "_" in text else None)


def basic_credentials(value: str) -> Bounds | None:
    """Accept `... Basic <base64>` that decodes to "user:password" in ASCII. Source: RFC 7617, section 2."""
    start = max(value.rfind(separator) for separator in ' "') + 1
    try:
        user, colon, password = _decode_base64(value[start:]).decode("ascii").partition(":")
    except (UnicodeDecodeError, binascii.Error):
        return None
    is_valid = bool(colon) and user.isprintable() and password.isprintable() and len(password) > 3
    is_harmless = password.lower() in _COMMON_WORDS or is_placeholder(user + password)
    return (start, len(value)) if is_valid and not is_harmless else None


def pem_body(value: str) -> Bounds | None:
    """Accept a PEM header that is followed by base64 other than a placeholder. Source: RFC 7468."""
    body = value.rpartition("-----")[2][-24:]
    return _whole(value) if entropy(body) >= 3 and not is_placeholder(body) else None


def quoted_password(value: str) -> Bounds | None:
    """Accept the value between the last quotes of an assignment if it may be a password."""
    start, end = _quoted_value(value)
    return (start, end) if is_password(value[start:end]) else None


def quoted_key(value: str) -> Bounds | None:
    """Accept the value between the last quotes of an assignment if it looks random."""
    start, end = _quoted_value(value)
    is_plain_id = _UUID.fullmatch(value, start, end) is not None and not _SECRET_NAME.search(value, 0, start)
    return (start, end) if _is_key(value[start:end]) and not is_plain_id else None


def plain_password(value: str) -> Bounds | None:
    """Accept the value of `name=value` or `name: value` in a configuration file if it may be a password.

    The match includes the first character after the value, which shows whether the value is an expression in code.
    """
    start, end, is_setting = _unquoted_value(value)
    password = value[start:end]
    is_constant = value[:start].strip("=: \t").isupper()
    is_name = re.fullmatch(r"[A-Za-z_][A-Za-z_0-9]*", password) is not None and not is_constant
    is_expression = not is_setting or is_name or re.search(r"[(),;\[\]{}|<>]", password) is not None
    return (start, end) if not is_expression and is_password(password) else None


def plain_key(value: str) -> Bounds | None:
    """Accept the value of `name=value` or `name: value` in a configuration file if it looks random."""
    start, _, _ = _unquoted_value(value)
    key = _KEY_CHARACTERS.match(value, start)
    if key is None or value[key.end() :].strip()[:1] not in _AFTER_KEY or _DOTTED_NAME.fullmatch(key[0]):
        return None
    return key.span() if _is_key(key[0]) else None


def connection_string_password(value: str) -> Bounds | None:
    """Accept the value of `Password=value;` in a connection string."""
    password = value[value.index("=") + 1 :].strip().rstrip(";")
    start = value.index(password, value.index("="))
    return (start, start + len(password)) if is_password(password) else None


def password_after_colon(value: str) -> Bounds | None:
    """Accept the password of `-u user:password` in a command."""
    start = value.index(":") + 1
    return (start, len(value)) if is_password(value[start:]) else None


def url_password(value: str) -> Bounds | None:
    """Accept the password of `scheme://user:password@h`, unless it is a placeholder or a common word."""
    start = value.index("://") + 3
    user, colon, password = value[start : value.rindex("@")].partition(":")
    first = start + len(user + colon)
    is_word = password.lower() in _COMMON_WORDS or password.lower() == user.lower() or len(password) < 5
    if is_word or is_placeholder(password) or _VARIABLE_REFERENCE.search(password):
        return None
    is_web = value.lower().startswith("http")
    return None if is_web and not is_password(password) else (first, first + len(password))


def is_password(value: str) -> bool:
    """Return whether a value that is assigned to a password field may be a password.

    It must have letters and a digit or a symbol, which excludes labels, messages and names. A password that is a single
    word is missed.
    """
    if not 6 <= len(value) <= 128 or not value.isascii() or any(map(str.isspace, value)):
        return False
    letters = "".join(filter(str.isalpha, value)).lower()
    if not letters or letters in _COMMON_WORDS or is_placeholder(value) or _VARIABLE_REFERENCE.search(value):
        return False
    if _PATH_OR_NAME.fullmatch(value) or _TECHNICAL.search(value):
        return False
    return any(map(str.isdigit, value)) or _INNER_SYMBOL.search(value) is not None


def _is_key(value: str) -> bool:
    return bool(
        len(value) <= _MAX_KEY_LENGTH
        and _KEY_CHARACTERS.fullmatch(value)
        and looks_random(value)
        and not is_placeholder(value)
        and not _VARIABLE_REFERENCE.search(value)
    )


def _whole(value: str) -> Bounds:
    return 0, len(value)


def _quoted_value(assignment: str) -> Bounds:
    """Return the bounds of the value before the last quote, or before the closing tag of its element."""
    end = assignment.rindex("<") if assignment.endswith("<") else max(assignment.rfind(quote) for quote in _QUOTES)
    openers = ">" if assignment.endswith("<") else _QUOTES
    return max(assignment.rfind(opener, 0, end) for opener in openers) + 1, end


def _unquoted_value(assignment: str) -> tuple[int, int, bool]:
    """Return the start and end of the value, and whether at most a comment follows it."""
    separator = _SEPARATOR.search(assignment)
    start = separator.end() if separator else 0
    value, _, rest = assignment[start:].partition(" ")
    value = value.partition("\t")[0]
    return start, start + len(value), rest.strip()[:1] in ("", "#", ";")


SECRET_VALIDATORS: dict[str, Callable[[str], Bounds | None]] = {
    "aws_secret_key": aws_secret_key,
    "basic_credentials": basic_credentials,
    "json_web_token": json_web_token,
    "key_at_end": key_at_end,
    "connection_string_password": connection_string_password,
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
    "password_after_colon": password_after_colon,
}
