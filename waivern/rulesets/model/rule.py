"""What a rule is: data that says what to look for, and the law or standard that says why."""

from typing import Literal

import msgspec

Severity = Literal["low", "medium", "high", "critical"]


class Confidence(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How sure a match is, from 0 to 1. Without `alone` a match is worth nothing unless context speaks for it.

    `in_doubt` is for a match near a word of the rule's `doubt`, where no context speaks for it.
    """

    in_context: float
    alone: float | None = None
    in_doubt: float | None = None


class ValuePattern(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The form that values have.

    Args:
        name: What findings call the pattern; unique within the rule.
        regex: In the subset that hyperscan and RE2 both take: no look-around, no back-reference, nothing that matches
            "all but ...". It may not match the empty text. It is ASCII, unless there are `literals` or it counts in
            context only: then it is tried on text, and may hold other letters as well.
        lead: A character class such as `[a-z0-9.]` whose characters, up to 64 of them, belong to the value where they
            stand directly before what `regex` matches. It keeps a long variable beginning out of the engine.
        literals: Texts of which every match holds one. Where there are any, the engine looks for these alone, and
            `regex` is tried around them only: so a ruleset can have thousands of patterns and be ready in a second.
        validator: A name of `waivern.rulesets.validators.registry`; it sees what the pattern matched and may refuse it.
        confidence: Of a match that the validator accepts.
    """

    name: str
    regex: str
    confidence: Confidence
    lead: str = ""
    literals: tuple[str, ...] = ()
    validator: str = ""


class FieldNames(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What columns, keys and identifiers are called, as lower-case words ("date of birth").

    `strong` terms speak for themselves. `weak` ones ("name", "city") count only beside strong ones or in a table of
    people. Those `of_columns` are weak ones that mean other things in code ("children", "position"): they count only as
    columns of a table of people. Those `of_person_tables` mean other things even beside fields of a person ("title"):
    they count only as columns of a table that is itself called after people.
    """

    strong: tuple[str, ...] = ()
    weak: tuple[str, ...] = ()
    of_columns: tuple[str, ...] = ()
    of_person_tables: tuple[str, ...] = ()


class Words(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Words and phrases that say the thing, in prose as in names: "credit check", `credit_check`, `creditCheck`.

    Args:
        terms: Lower-case; the plural with "s" or "ies" is looked for too.
        confidence: `alone` of a word in prose; `in_context` also of one that is part of a name.
        weak: Terms that mean other things as well ("client"). They count only where the rule's context stands near
            by, or where they are all that a table or column is called.
        not_after: Single words that make the term behind them mean something else ("http" before "client").
        not_before: Single words that do so from behind ("agent" after "user").
    """

    confidence: Confidence
    terms: tuple[str, ...] = ()
    weak: tuple[str, ...] = ()
    not_after: tuple[str, ...] = ()
    not_before: tuple[str, ...] = ()


class Uses(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How code takes a third party's service into use. The loader makes value patterns of it.

    Args:
        python: What is imported or installed ("stripe"); with a dot only imported, with a dash only installed.
        npm: Packages of JavaScript and TypeScript.
        npm_scopes: What such packages may begin with ("@stripe").
        composer: Packages of PHP ("stripe/stripe-php").
        php: Namespaces ("Stripe").
        java: Packages and Maven groups ("com.stripe").
        go: Modules ("github.com/stripe/stripe-go").
        ruby: Gems.
        dotnet: Namespaces and NuGet packages, or what they begin with ("Stripe").
        hosts: Names of hosts, with the beginning of a path where only that is the service ("www.example.org/embed").
        subdomains_of: Names of which any host below is one of the service's, but for its pages (www, docs, blog).
        settings: What names of environment variables begin with ("STRIPE" for STRIPE_API_KEY).
    """

    python: tuple[str, ...] = ()
    npm: tuple[str, ...] = ()
    npm_scopes: tuple[str, ...] = ()
    composer: tuple[str, ...] = ()
    php: tuple[str, ...] = ()
    java: tuple[str, ...] = ()
    go: tuple[str, ...] = ()
    ruby: tuple[str, ...] = ()
    dotnet: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    subdomains_of: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()


class Examples(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Texts in which the rule must find something, and texts in which it must not."""

    match: tuple[str, ...]
    no_match: tuple[str, ...]


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One thing to look for.

    Args:
        name: Unique within the ruleset, for it is part of a finding's fingerprint.
        category: What kind of data it is.
        source: The law article or the standard that the rule comes from.
        values: The forms of its values.
        words: What says it in so many words.
        context: Lower-case words or phrases that make a value near them more likely.
        doubt: Likewise, that make a value near them less likely: "checksum" near a weak hash.
        field_names: What fields that hold it are called.
        uses: How code takes a service into use; its patterns are added to `values`.
        facts: What else is worth knowing. Of a service: `company`, who offers it, and `country`, where that is seated.
        examples: The rule's own test.
        of_people_only: Whether its values count in a table only where that holds people: an address may be a firm's.
            In a table of firms its field names do not count either.
        makes_findings: Whether a scan looks for it. What none looks for is told of a text that one tries rules on, for
            it says what stands there and nothing of anybody: a date.
    """

    name: str
    category: str
    source: str
    examples: Examples
    description: str = ""
    values: tuple[ValuePattern, ...] = ()
    words: Words | None = None
    uses: Uses | None = None
    facts: dict[str, str] = {}
    context: tuple[str, ...] = ()
    doubt: tuple[str, ...] = ()
    field_names: FieldNames = FieldNames()
    of_people_only: bool = False
    makes_findings: bool = True
