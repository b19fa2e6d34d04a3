"""Detection of code that collects data."""

import random

import pytest

from tests.builders.detecting import analyse, code_message, only_finding, rules_found
from waivern.analysers.indicators.factory import DataCollectionAnalyserFactory
from waivern.messages.schema import Schema

CONTACT = """<?php
session_start();
$name = $_POST['name'];
move_uploaded_file($_FILES['cv']['tmp_name'], $to);
setcookie('visits', 1);
$db->query("INSERT INTO customers (name) VALUES (?)");
error_log(print_r($_POST, true));
?>
<form method="post"><input type="email" name="mail"></form>
"""


def analyse_code(files, **properties):
    return analyse(DataCollectionAnalyserFactory(), [code_message(files)], **properties)


def test_each_kind_of_collection_in_a_php_file_is_found_with_its_lines():
    content = analyse_code({"contact.php": CONTACT})
    lines = {finding["rule"]: finding["location"]["lines"] for finding in content["findings"]}
    assert lines == {
        "session": [2],
        "php_request": [3],
        "file_upload": [4],
        "cookie": [5],
        "sql_on_people": [6],
        "request_logging": [7],
        "html_form": [9],
    }


@pytest.mark.parametrize(
    ("path", "code", "rule"),
    [
        ("app.py", "name = request.form['name']", "python_request"),
        ("app.js", "const { email } = req.body;", "node_request"),
        ("App.java", "User add(@RequestBody User user) {", "java_request"),
        ("App.cs", "Add([FromBody] User user)", "dotnet_request"),
        ("app.rb", "User.new(params.require(:user).permit(:name))", "ruby_request"),
        ("app.go", 'name := r.FormValue("name")', "go_request"),
        ("app.js", "navigator.geolocation.watchPosition(show)", "geolocation"),
        ("app.js", "localStorage.setItem('user', name)", "browser_storage"),
        ("models.py", "class Customer(models.Model):", "orm_model_of_people"),
        ("Info.plist", "<key>NSContactsUsageDescription</key>", "mobile_permission"),
    ],
)
def test_collection_is_found_for_many_frameworks_and_platforms(path, code, rule):
    assert rules_found(analyse_code({path: f"\n{code}\n"})) == {rule}


@pytest.mark.parametrize(
    "code",
    [
        "requests.post(url, headers=headers)",
        "request.headers['Host'] = host",
        "session.execute(select(User))",
        "from users import customers",
        "FROM python:3.12",
        "open(path).read()",
        "socket.recv(1024)",
    ],
)
def test_code_that_collects_no_personal_data_is_not_a_finding(code):
    assert analyse_code({"a.py": code})["findings"] == []


def test_evidence_shows_the_matched_code_and_masks_the_rest_of_the_line():
    content = analyse_code({"a.php": "$_POST['ann.miller@example.org'] = 'hunter';"})
    (evidence,) = only_finding(content, "php_request")["evidence"]
    assert evidence["content"].startswith("$_POST['***.******@*******.")
    assert "hunter" not in evidence["content"]


def test_the_order_of_files_makes_no_difference():
    files = [(f"{number}.php", CONTACT) for number in range(6)]
    expected = analyse_code(dict(files))
    for seed in range(5):
        shuffled = files.copy()
        random.Random(seed).shuffle(shuffled)
        assert analyse_code(dict(shuffled)) == expected


def test_only_source_code_is_accepted():
    assert DataCollectionAnalyserFactory().component_class.get_input_requirements() == [
        [Schema("source_code", "1.0.0")]
    ]
