"""Cryptography that is too weak."""

import pytest

from tests.builders.detecting import code_of, file_entry, indicated, message_of, only, rules_found
from waivern.analysers.indicators.factory import CryptoQualityAnalyserFactory


def analysed(files, **properties):
    return indicated(CryptoQualityAnalyserFactory(), [code_of(files)], **properties)


@pytest.mark.parametrize(
    ("path", "code", "rule"),
    [
        ("login.py", "digest = hashlib.sha1(token.encode()).hexdigest()", "sha1"),
        ("login.js", "const c = crypto.createCipheriv('des-ede3-cbc', key, iv);", "des"),
        ("login.ts", "const agent = new https.Agent({ rejectUnauthorized: false });", "certificate_check_off"),
        ("login.php", "$hash = sha1($password);", "fast_password_hash"),
        ("Login.java", 'Cipher c = Cipher.getInstance("AES/ECB/PKCS5Padding");', "ecb_mode"),
        ("login.go", "cfg := &tls.Config{MinVersion: tls.VersionTLS10}", "old_tls"),
        ("login.rb", "key = OpenSSL::PKey::RSA.new(1024)", "short_asymmetric_key"),
        ("Login.cs", "string token = new Random().Next().ToString();", "guessable_random"),
        ("login.sql", "CREATE SYMMETRIC KEY k WITH ALGORITHM = RC4_128;", "rc4"),
    ],
)
def test_code_of_nine_languages_is_known(path, code, rule):
    assert rules_found(analysed({path: f"\n{code}\n"})) == {rule}


@pytest.mark.parametrize(
    ("path", "text", "rules"),
    [
        ("nginx.conf", "ssl_protocols TLSv1 TLSv1.2;\nssl_ciphers HIGH:RC4:!MD5;\n", {"old_tls", "weak_cipher_suite"}),
        ("sshd_config", "KexAlgorithms diffie-hellman-group1-sha1\n", {"weak_ssh"}),
        ("openssl.cnf", "default_bits = 1024\ndefault_md = sha1\n", {"short_asymmetric_key", "sha1"}),
        ("values.yaml", "tls:\n  insecure_skip_verify: true\n", {"certificate_check_off"}),
        ("yum.repo", "gpgcheck=0\n", {"signature_check_off"}),
        ("postgresql.conf", "password_encryption = md5\n", {"fast_password_hash"}),
    ],
)
def test_configuration_is_known(path, text, rules):
    content = indicated(CryptoQualityAnalyserFactory(), [message_of([file_entry(text, path)])])
    assert rules_found(content) == rules


def test_what_is_fit_for_its_purpose_is_no_finding():
    good = """
    digest = hashlib.sha256(document).hexdigest()
    stored = bcrypt.hashpw(password, bcrypt.gensalt(rounds=12))
    mac = hmac.new(key, message, hashlib.sha1).hexdigest()
    token = secrets.token_urlsafe(32)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    cipher = AES.new(key, AES.MODE_GCM)
    key = rsa.generate_private_key(public_exponent=65537, key_size=4096)
    requests.get(url, verify="/etc/ssl/ca.pem")
    """
    assert analysed({"good.py": good})["findings"] == []


def test_a_hash_is_surer_beside_a_signature_than_alone_and_doubted_beside_a_checksum():
    code = {
        "sign.py": "signature = hashlib.md5(body)",
        "plain.py": "value = hashlib.md5(body)",
        "sum.py": "checksum = hashlib.md5(body)",
    }
    found = analysed(code, confidence_threshold=0.1)["findings"]
    sure = {finding["location"]["file_path"]: finding["confidence"] for finding in found}
    assert sure["sign.py"] > sure["plain.py"] > sure["sum.py"]
    (doubted,) = [finding for finding in found if finding["location"]["file_path"] == "sum.py"]
    assert "a word near by speaks against it" in doubted["reasons"]
    assert {finding["location"]["file_path"] for finding in analysed(code)["findings"]} == {"sign.py", "plain.py"}


def test_evidence_shows_the_code_that_matched_and_masks_what_stands_around_it():
    finding = only(analysed({"a.py": "ann = hashlib.new('md5', b'Ann Miller')"}), "md5")
    (sample,) = finding["evidence"]
    assert "hashlib.new('md5'" in sample["content"]
    assert "Miller" not in sample["content"]
    assert finding["severity"] == "medium"
