"""The contract of artifact stores, as tests."""

import threading
from typing import Any

from waivern.artifacts.store import ArtifactStore
from waivern.errors import ArtifactNotFoundError, MessageError
from waivern.messages.compressed_items import CompressedItems
from waivern.messages.compressed_message import CompressedMessage
from waivern.messages.message import Message
from waivern.messages.schema import Schema
from waivern.testing.builders import message_of, raises


class ArtifactStoreContract:
    """Tests for pytest; a subclass whose name begins with `Test` provides one fixture, `store`: an empty store."""

    def test_a_saved_message_can_be_read(self, store: ArtifactStore) -> None:
        saved = Message("m-1", {"data": [{"content": "Zoë", "n": 1.5}], "none": None}, Schema("any", "1.0.0"), {"a": 1})
        store.save("customers", saved)
        assert store.get("customers") == saved

    def test_saving_again_replaces_the_message(self, store: ArtifactStore) -> None:
        store.save("personal_data", message_of(found=[]))
        store.save("personal_data", message_of(found=["e-mail"]))
        assert store.get("personal_data").content == {"found": ["e-mail"]}

    def test_artifacts_are_listed_in_the_order_in_which_they_were_first_saved(self, store: ArtifactStore) -> None:
        for artifact_id in ("c", "a", "b", "a"):
            store.save(artifact_id, message_of(name=artifact_id))
        assert store.list_artifacts() == ["c", "a", "b"]

    def test_a_missing_artifact_is_an_error_that_names_the_existing_ones(self, store: ArtifactStore) -> None:
        store.save("customers", message_of())
        with raises(ArtifactNotFoundError, containing="customers"):
            store.get("costumers")

    def test_an_artifact_exists_after_it_was_saved(self, store: ArtifactStore) -> None:
        assert not store.exists("customers")
        store.save("customers", message_of())
        assert store.exists("customers")

    def test_a_cleared_store_is_empty(self, store: ArtifactStore) -> None:
        store.save("customers", message_of())
        store.clear()
        assert store.list_artifacts() == []
        assert not store.exists("customers")
        with raises(ArtifactNotFoundError):
            store.get("customers")

    def test_a_cleared_store_can_be_filled_again(self, store: ArtifactStore) -> None:
        store.save("a", message_of(n=1))
        store.clear()
        store.save("b", message_of(n=2))
        store.save("a", message_of(n=3))
        assert store.list_artifacts() == ["b", "a"]
        assert store.get("a").content == {"n": 3}

    def test_changing_a_message_after_it_was_saved_changes_nothing_in_the_store(self, store: ArtifactStore) -> None:
        content: dict[str, Any] = {"found": ["e-mail"]}
        store.save("a", Message("", content, Schema("any", "1.0.0")))
        content["found"].append("phone")
        got = store.get("a")
        assert isinstance(got.content, dict)
        got.content["found"] = []
        assert store.get("a").content == {"found": ["e-mail"]}

    def test_content_that_is_not_json_is_rejected(self, store: ArtifactStore) -> None:
        with raises(MessageError):
            store.save("a", message_of(thing=object()))
        assert not store.exists("a")

    def test_ids_of_child_artifacts_and_in_any_script_are_distinct(self, store: ArtifactStore) -> None:
        ids = ["child/findings", "child", "Übersicht", "日本", "a'b\"c"]
        for artifact_id in ids:
            store.save(artifact_id, message_of(name=artifact_id))
        assert store.list_artifacts() == ids
        assert [store.get(artifact_id).content["name"] for artifact_id in ids] == ids

    def test_a_large_message_can_be_read_completely(self, store: ArtifactStore) -> None:
        content = {"data": [f"line {number}: the quick brown fox" for number in range(50_000)]}
        store.save("large", Message("", content, Schema("any", "1.0.0")))
        assert store.get("large").content == content

    def test_a_compressed_message_can_be_read_item_by_item(self, store: ArtifactStore) -> None:
        items = [{"number": number, "text": "the quick brown fox " * 50} for number in range(5_000)]
        message = CompressedMessage(
            "", {"name": "n", "later": 1}, "data", CompressedItems(items), Schema("any", "1.0.0")
        )
        store.save("compressed", message)
        assert list(store.get("compressed").items_of("data") or ()) == items
        assert store.get("compressed").envelope_without("data") == {"name": "n", "later": 1}

    def test_changing_decompressed_content_changes_nothing_in_the_store(self, store: ArtifactStore) -> None:
        items = CompressedItems({"text": "x" * 1000} for _ in range(3_000))
        store.save("compressed", CompressedMessage("", {"nested": {}}, "data", items, Schema("any", "1.0.0")))
        got = store.get("compressed")
        got.content["nested"]["more"] = 1
        got.content["data"][0]["text"] = ""
        assert store.get("compressed").content["nested"] == {}
        assert store.get("compressed").content["data"][0] == {"text": "x" * 1000}

    def test_many_threads_can_save_and_read_at_once(self, store: ArtifactStore) -> None:
        wrong: list[str] = []

        def save_and_get(number: int) -> None:
            for turn in range(10):
                artifact_id = f"artifact-{number}-{turn}"
                store.save(artifact_id, message_of(n=number, turn=turn))
                if store.get(artifact_id).content != {"n": number, "turn": turn}:
                    wrong.append(artifact_id)

        threads = [threading.Thread(target=save_and_get, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not wrong
        assert len(store.list_artifacts()) == 80
