"""The `mongodb` connector with a server that implements MongoDB's protocol."""

import datetime
import math
import socket
import string
import threading
import time
from collections import Counter
from collections.abc import Mapping
from typing import Any

import bson
import pytest
from bson import Int64, ObjectId

from tests.servers.mongodb import MongoDatabase
from waivern.analysers.indicators.factory import PersonalDataAnalyserFactory
from waivern.components.environment import use_environment
from waivern.connectors.mongodb.factory import MongodbConnectorFactory
from waivern.errors import ComponentError, InvalidPropertiesError
from waivern.messages.canonical import canonical_bytes
from waivern.messages.schema import Schema

STANDARD_INPUT = Schema("standard_input", "1.0.0")
ANNA = {
    "_id": ObjectId("507f1f77bcf86cd799439011"),
    "name": "Anna",
    "age": 42,
    "score": 1.5,
    "big": Int64(2**60),
    "is_active": True,
    "born": datetime.datetime(1980, 2, 29, 12, 30, tzinfo=datetime.UTC),
    "address": {"city": "Graz", "geo": {"lat": 47.0}},
    "phones": ["+43 1 234", "+43 1 235"],
    "contacts": [{"email": "b@example.org"}, {"email": "c@example.org", "since": None}],
    "fax": None,
}


def scan(mongo: MongoDatabase, **properties: Any) -> Mapping[str, Any]:
    given = {"uri": mongo.uri, "database": mongo.name, **properties}
    return MongodbConnectorFactory().create(given).extract(STANDARD_INPUT).content


def values(content: Mapping[str, Any]) -> dict[tuple[str, str], list[str]]:
    found: dict[tuple[str, str], list[str]] = {}
    for item in content["data"]:
        metadata = item["metadata"]
        found.setdefault((metadata["table"], metadata["column"]), []).append(item["content"])
    return found


def not_scanned_in(content: Mapping[str, Any]) -> dict[str, str]:
    return {entry["name"]: entry["reason"] for entry in content["metadata"]["not_scanned"]}


def test_documents_are_flattened_by_key_path(mongo: MongoDatabase) -> None:
    mongo.database["customers"].insert_one(dict(ANNA))
    content = scan(mongo)
    assert values(content) == {
        ("customers", "_id"): ["507f1f77bcf86cd799439011"],
        ("customers", "name"): ["Anna"],
        ("customers", "age"): ["42"],
        ("customers", "score"): ["1.5"],
        ("customers", "big"): ["1152921504606846976"],
        ("customers", "is_active"): ["true"],
        ("customers", "born"): ["1980-02-29T12:30:00+00:00"],
        ("customers", "address.city"): ["Graz"],
        ("customers", "address.geo.lat"): ["47"],
        ("customers", "phones"): ["+43 1 234", "+43 1 235"],
        ("customers", "contacts[].email"): ["b@example.org", "c@example.org"],
        ("customers", "contacts[].since"): [""],
        ("customers", "fax"): [""],
    }
    host = mongo.uri.removeprefix("mongodb://")
    assert content["source"] == f"{host}/{mongo.name}"
    assert content["data"][1]["metadata"] == {
        "source": content["source"],
        "connector_type": "mongodb",
        "table": "customers",
        "column": "name",
        "row": "507f1f77bcf86cd799439011",
    }
    (table,) = content["metadata"]["tables"]
    assert (table["table"], table["rows"], table["sampled"]) == ("customers", 1, 1)
    types = {item["name"]: item["type"] for item in table["columns"]}
    assert (types["_id"], types["born"], types["contacts[].since"]) == ("objectId", "date", "null")
    assert content["metadata"]["sampled"] == []


def test_an_id_that_may_be_personal_data_is_not_a_row_name(mongo: MongoDatabase) -> None:
    mongo.database["people"].insert_many([{"_id": "anna@example.org", "a": 1}, {"_id": "bert@example.org", "a": 2}])
    content = scan(mongo)
    assert {item["metadata"]["row"] for item in content["data"]} == {"#1", "#2"}
    assert values(content)["people", "_id"] == ["anna@example.org", "bert@example.org"]


def test_a_key_that_is_data_becomes_a_value(mongo: MongoDatabase) -> None:
    mongo.database["visits"].insert_one(
        {"_id": 1, "by": {"anna@example.org": {"at": "noon"}, "bert@example.org": {"at": "one"}}}
    )
    assert values(scan(mongo)) == {
        ("visits", "_id"): ["1"],
        ("visits", "by.*"): ["anna@example.org", "bert@example.org"],
        ("visits", "by.*.at"): ["noon", "one"],
    }


def test_a_large_collection_is_sampled_and_the_bound_is_reported(mongo: MongoDatabase) -> None:
    mongo.database["visits"].insert_many([{"_id": number, "n": number} for number in range(2000)])
    content = scan(mongo, sample_size=300)
    (sampled,) = content["metadata"]["sampled"]
    assert (sampled["name"], sampled["read"], sampled["total"]) == ("visits", 300, 2000)
    assert sampled["bound"].startswith("a value present in 1 % of rows is missed with p < 0.0")
    assert len(set(values(content)["visits", "n"])) == 300
    assert canonical_bytes(content) == canonical_bytes(scan(mongo, sample_size=300))
    assert values(content) != values(scan(mongo, sample_size=300, seed=1))


def test_every_document_is_equally_likely_to_be_sampled(mongo: MongoDatabase) -> None:
    """Chi-squared over 40 documents with 10 of them drawn 100 times: 39 degrees of freedom, p < 0.0001 beyond 82."""
    mongo.database["visits"].insert_many([{"_id": f"id{number}", "n": number} for number in range(40)])
    drawn: Counter[str] = Counter()
    for seed in range(100):
        drawn.update(values(scan(mongo, sample_size=10, seed=seed))["visits", "n"])
    expected = 25
    assert drawn.total() == 1000
    assert sum((drawn[str(number)] - expected) ** 2 / expected for number in range(40)) < 82


def test_a_sample_may_be_larger_than_a_batch(mongo: MongoDatabase) -> None:
    mongo.database["visits"].insert_many([{"_id": f"{number:03}", "n": number} for number in range(250)])
    found = values(scan(mongo, sample_size=220))["visits", "n"]
    assert len(set(found)) == 220
    assert found == sorted(found, key=int)


def test_a_document_deleted_during_the_read_is_not_counted(
    mongo: MongoDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    from waivern.connectors.mongodb import sampling

    mongo.database["visits"].insert_many([{"_id": number} for number in range(30)])
    sound = sampling._fetch

    def after_a_deletion(collection: Any, batch: Any) -> Any:
        mongo.database["visits"].delete_one({"_id": batch[0][1]})
        return sound(collection, batch)

    monkeypatch.setattr(sampling, "_fetch", after_a_deletion)
    (sampled,) = scan(mongo, sample_size=10)["metadata"]["sampled"]
    assert (sampled["read"], sampled["total"]) == (9, 30)


def test_collections_are_selected_by_patterns_and_the_others_are_reported(mongo: MongoDatabase) -> None:
    for name in ("customers", "orders", "order_log", "temp"):
        mongo.database[name].insert_one({"_id": 1})
    content = scan(mongo, include_collections=["order*", "temp", "films"], exclude_collections=["*_log"])
    assert {table for table, _ in values(content)} == {"orders", "temp"}
    assert not_scanned_in(content) == {
        "customers": "not among include_collections",
        "order_log": "excluded by the pattern *_log",
        "films": "no collection matches this pattern of include_collections",
    }


def test_system_collections_and_views_are_reported(mongo: MongoDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    from pymongo.database import Database

    mongo.database["customers"].insert_one({"_id": 1})
    listed = [{"name": "customers", "type": "collection"}, {"name": "system.views"}, {"name": "people", "type": "view"}]
    monkeypatch.setattr(Database, "list_collections", lambda database: iter(listed))
    assert not_scanned_in(scan(mongo)) == {
        "people": "a view: its data is scanned in its collections",
        "system.views": "a system collection",
    }


def test_excluded_fields_are_reported(mongo: MongoDatabase) -> None:
    mongo.database["customers"].insert_one(dict(ANNA))
    content = scan(mongo, exclude_fields=["address.*", "customers.phones"])
    assert {column for _, column in values(content) if values(content)["customers", column] != [""]}.isdisjoint(
        {"address.city", "address.geo.lat", "phones"}
    )
    assert not_scanned_in(content) == {
        "customers.address.city": "1 of the values that were read are excluded by the pattern address.*",
        "customers.address.geo.lat": "1 of the values that were read are excluded by the pattern address.*",
        "customers.phones": "2 of the values that were read are excluded by the pattern customers.phones",
    }


def test_binary_and_long_values_are_counted(mongo: MongoDatabase) -> None:
    mongo.database["files"].insert_many([{"_id": 1, "text": "x" * 50}, {"_id": 2, "text": "y" * 5}])
    content = scan(mongo, max_value_size=10)
    assert values(content)["files", "text"] == ["x" * 10, "y" * 5]
    assert not_scanned_in(content) == {
        "files.text": "1 of the values that were read were read only up to max_value_size (10)"
    }


def test_more_paths_than_a_table_may_have_are_counted(mongo: MongoDatabase) -> None:
    letters = string.ascii_lowercase
    wide = {"".join(letters[number // 26**step % 26] for step in range(4)): number for number in range(6000)}
    mongo.database["wide"].insert_one({"_id": 1, **wide})
    content = scan(mongo)
    assert len(content["metadata"]["tables"][0]["columns"]) == 5000
    assert not_scanned_in(content) == {
        "wide": "1001 of the values that were read belong to more than 5,000 different paths"
    }


def test_personal_data_is_found_in_documents(mongo: MongoDatabase) -> None:
    mongo.database["customers"].insert_many(
        [{"_id": n, "contact": {"email": f"anna{n}@example.org"}} for n in range(3)]
    )
    message = MongodbConnectorFactory().create({"uri": mongo.uri, "database": mongo.name}).extract(STANDARD_INPUT)
    found = PersonalDataAnalyserFactory().create({}).process([message], Schema("personal_data_indicator", "1.0.0"))
    assert [item["category"] for item in found.content["findings"]] == ["email"]


def test_a_missing_database_is_an_error(mongo: MongoDatabase) -> None:
    with pytest.raises(ComponentError, match="/nowhere has no collection. Correct `database`"):
        scan(mongo, database="nowhere")


def test_the_server_may_be_given_by_single_properties(mongo: MongoDatabase) -> None:
    mongo.database["a"].insert_one({"_id": 1})
    host, _, port = mongo.uri.removeprefix("mongodb://").partition(":")
    given = {"host": host, "port": int(port), "database": mongo.name}
    assert values(MongodbConnectorFactory().create(given).extract(STANDARD_INPUT).content) == {("a", "_id"): ["1"]}


def test_the_uri_may_be_a_secret_environment_variable(mongo: MongoDatabase) -> None:
    mongo.database["a"].insert_one({"_id": 1})
    secrets: set[str] = set()
    with use_environment({"MONGODB_URI": mongo.uri, "MONGODB_DATABASE": mongo.name}, secrets=secrets):
        connector = MongodbConnectorFactory().create({"sample_size": 10})
    assert values(connector.extract(STANDARD_INPUT).content) == {("a", "_id"): ["1"]}
    assert secrets == {"MONGODB_URI"}


def test_an_unreachable_server_fails_quickly_without_the_password() -> None:
    given = {"uri": "mongodb://anna:hunter%402@127.0.0.1:9/shop", "connect_timeout": 1}
    started = time.monotonic()
    with pytest.raises(
        ComponentError, match="127.0.0.1:9/shop cannot be read: its server cannot be reached"
    ) as refused:
        MongodbConnectorFactory().create(given).extract(STANDARD_INPUT)
    assert time.monotonic() - started < 10
    for secret in ("anna", "hunter%402", "hunter@2"):
        assert secret not in str(refused.value)


def test_a_server_with_another_protocol_is_an_error() -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        closing = threading.Event()

        def answer() -> None:
            listening.settimeout(0.2)
            while not closing.is_set():
                try:
                    client, _ = listening.accept()
                except TimeoutError:
                    continue
                with client:
                    client.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        answering = threading.Thread(target=answer)
        answering.start()
        try:
            given = {"host": "127.0.0.1", "port": listening.getsockname()[1], "database": "shop", "connect_timeout": 1}
            with pytest.raises(ComponentError, match="/shop cannot be read"):
                MongodbConnectorFactory().create(given).extract(STANDARD_INPUT)
        finally:
            closing.set()
            answering.join()


def test_a_collection_without_read_permission_does_not_affect_others(
    mongo: MongoDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pymongo.collection import Collection
    from pymongo.errors import OperationFailure

    for name in ("open", "closed"):
        mongo.database[name].insert_one({"_id": 1})
    sound = Collection.count_documents

    def guarded(collection: Any, *arguments: Any) -> int:
        if collection.name == "closed":
            raise OperationFailure("not authorized on shop", 13)
        return sound(collection, *arguments)

    monkeypatch.setattr(Collection, "count_documents", guarded)
    content = scan(mongo)
    assert set(values(content)) == {("open", "_id")}
    assert not_scanned_in(content) == {"closed": "cannot be read: its user has no permission to read it"}


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"uri": "mongodb://localhost"},
        {"uri": "mongodb://localhost/shop", "host": "localhost"},
        {"uri": "http://localhost/shop"},
        {"uri": "mongodb://a:p@ss:w/rd@localhost/shop"},
        {"uri": "mongodb://localhost:port/shop"},
        {"host": "localhost", "database": "a/b"},
    ],
)
def test_an_incomplete_uri_is_rejected_without_its_password(given: dict[str, str]) -> None:
    with use_environment({}, secrets=set()), pytest.raises(InvalidPropertiesError) as refused:
        MongodbConnectorFactory().create(given)
    assert "p@ss" not in str(refused.value)


def test_a_missing_driver_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    from waivern.connectors.mongodb import factory

    monkeypatch.setattr(factory, "find_spec", lambda name: None)
    with pytest.raises(InvalidPropertiesError, match=r"pip install 'waivern\[mongodb\]'"):
        MongodbConnectorFactory().create({"host": "localhost", "database": "shop"})


def test_a_runbook_for_another_scanner_works_unchanged(mongo: MongoDatabase) -> None:
    mongo.database["patients"].insert_many([{"_id": number} for number in range(20)])
    (sampled,) = scan(mongo, sample_size=10)["metadata"]["sampled"]
    assert sampled["read"] == 10


def test_numbers_that_json_cannot_express_are_read(mongo: MongoDatabase) -> None:
    if not mongo.is_mongodb:
        pytest.skip("the server from the wheel keeps JSON, which has neither infinite numbers nor bytes")
    mongo.database["odd"].insert_one({"_id": 1, "n": math.inf, "b": b"\x00\xff", "d": bson.Decimal128("1.50")})
    content = scan(mongo)
    assert values(content)["odd", "n"] == ["inf"]
    assert not_scanned_in(content) == {"odd.b": "1 of the values that were read are binary data"}
