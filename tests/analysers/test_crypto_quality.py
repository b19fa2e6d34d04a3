"""Detection of weak cryptography."""

import pytest

from tests.builders.detecting import analyse, code_message, file_entry, only_finding, rules_found, text_message
from waivern.analysers.indicators.factory import CryptoQualityAnalyserFactory


def analyse_code(files, **properties):
    return analyse(CryptoQualityAnalyserFactory(), [code_message(files)], **properties)


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
def test_weak_cryptography_is_found_in_nine_languages(path, code, rule):
    assert rules_found(analyse_code({path: f"\n{code}\n"})) == {rule}


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
def test_weak_cryptography_is_found_in_configuration(path, text, rules):
    content = analyse(CryptoQualityAnalyserFactory(), [text_message([file_entry(text, path)])])
    assert rules_found(content) == rules


def test_adequate_cryptography_is_not_a_finding():
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
    assert analyse_code({"good.py": good})["findings"] == []


def test_context_words_raise_and_negative_context_words_lower_the_confidence_of_a_hash():
    code = {
        "sign.py": "signature = hashlib.md5(body)",
        "plain.py": "value = hashlib.md5(body)",
        "sum.py": "checksum = hashlib.md5(body)",
    }
    found = analyse_code(code, confidence_threshold=0.1)["findings"]
    confidence = {finding["location"]["file_path"]: finding["confidence"] for finding in found}
    assert confidence["sign.py"] > confidence["plain.py"] > confidence["sum.py"]
    (checksum,) = [finding for finding in found if finding["location"]["file_path"] == "sum.py"]
    assert "a negative context word is nearby" in checksum["reasons"]
    assert {finding["location"]["file_path"] for finding in analyse_code(code)["findings"]} == {"sign.py", "plain.py"}


def test_evidence_shows_the_matched_code_and_masks_the_rest_of_the_line():
    finding = only_finding(analyse_code({"a.py": "ann = hashlib.new('md5', b'Ann Miller')"}), "md5")
    (sample,) = finding["evidence"]
    assert "hashlib.new('md5'" in sample["content"]
    assert "Miller" not in sample["content"]
    assert finding["severity"] == "medium"
