"""Rules: what to detect, and the law or standard behind it."""

import msgspec


class Confidence(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The confidence of a match, from 0 to 1, depending on its context.

    Args:
        with_context: The confidence near one of the rule's context words.
        alone: The confidence without any context word. Without `alone` a match counts only with context.
        with_negative_context: The confidence near one of the rule's negative context words and no context word.
    """

    with_context: float
    alone: float | None = None
    with_negative_context: float | None = None


class Pattern(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A regular expression for values.

    Args:
        name: The name of the pattern in findings; unique within the rule.
        regex: A regular expression in the subset that Hyperscan and RE2 share: no look-around, no back-references, no
            negated classes, no match of the empty text. It is ASCII unless the pattern has `literals` or counts only
            with context: such patterns are matched against text and may contain other letters.
        left_extension: A character class such as `[a-z0-9.]`. Up to 65 of these characters directly before the match
            are added to it. This keeps a long variable prefix out of the engine.
        literals: Texts of which every match contains at least one. If present, the engine searches for these texts
            only, and `regex` is tried around them. A ruleset can then have thousands of patterns and still load fast.
        validator: The name of a validator in `waivern.rulesets.validators.registry`, which may reject a match.
        confidence: The confidence of a match that the validator accepts.
    """

    name: str
    regex: str
    confidence: Confidence
    left_extension: str = ""
    literals: tuple[str, ...] = ()
    validator: str = ""


class FieldNames(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Names of columns, keys and identifiers, as lower-case words ("date of birth").

    Args:
        strong: Names that count anywhere.
        weak: Names that count only near a strong name or in a table about people ("name", "city").
        weak_columns: Weak names that have other meanings in code ("children", "position"); they count only as columns
            of a table about people.
        person_table_columns: Names that are ambiguous even next to a person's fields ("title"); they count only as
            columns of a table that is named after people.
    """

    strong: tuple[str, ...] = ()
    weak: tuple[str, ...] = ()
    weak_columns: tuple[str, ...] = ()
    person_table_columns: tuple[str, ...] = ()


class Keywords(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Words and phrases to find in prose and in identifiers: "credit check", `credit_check`, `creditCheck`.

    Args:
        terms: Lower-case words; plurals with "s", "es" or "ies" are found too.
        confidence: `alone` applies to a word in prose; `with_context` also applies to a part of an identifier.
        weak: Terms with several meanings ("client"). They count only near the rule's context words, or as the
            complete name of a table or column.
        not_preceded_by: Single words that change the meaning of the term after them ("http" before "client").
        not_followed_by: Single words that change the meaning of the term before them ("agent" after "user").
    """

    confidence: Confidence
    terms: tuple[str, ...] = ()
    weak: tuple[str, ...] = ()
    not_preceded_by: tuple[str, ...] = ()
    not_followed_by: tuple[str, ...] = ()


class Integration(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How code uses a third-party service. The loader turns it into patterns.

    Args:
        python: Imported or installed packages ("stripe"). A name with a dot is only imported, one with a dash is only
            installed.
        npm: JavaScript and TypeScript packages.
        npm_scopes: Prefixes of such packages ("@stripe").
        composer: PHP packages ("stripe/stripe-php").
        php: PHP namespaces ("Stripe").
        java: Java packages and Maven groups ("com.stripe").
        go: Go modules ("github.com/stripe/stripe-go").
        ruby: Ruby gems.
        dotnet: .NET namespaces and NuGet packages, or their prefixes ("Stripe").
        hosts: Host names, optionally with a path prefix ("www.example.org/embed").
        parent_domains: Domains whose subdomains belong to the service, except its own pages (www, docs, blog).
        env_prefixes: Prefixes of environment variables ("STRIPE" for STRIPE_API_KEY).
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
    parent_domains: tuple[str, ...] = ()
    env_prefixes: tuple[str, ...] = ()


class Examples(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Texts in which the rule must find something, and texts in which it must not."""

    match: tuple[str, ...]
    no_match: tuple[str, ...]


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A rule that detects one kind of data.

    Args:
        name: Unique within the ruleset; it is part of a finding's fingerprint.
        category: The kind of data.
        source: The article of a law or the standard that the rule is based on.
        patterns: Regular expressions for its values.
        keywords: Words and phrases that name it.
        context_words: Lower-case words or phrases that raise the confidence of a match near them.
        negative_context_words: Words or phrases that lower it, such as "checksum" near a weak hash.
        field_names: Names of fields that contain it.
        integration: How code uses a service; the loader adds its patterns to `patterns`.
        facts: More information for findings. For a service: `company` (its provider) and `country` (where the company
            is based).
        examples: The rule's own tests.
        person_tables_only: Whether its matches in a table count only if the table is about people, because the same
            data may belong to a company. In a table about organisations its field names do not count either.
        reportable: Whether scans use the rule. Other rules are used only by `waivern detect`, because their matches,
            such as a date, say nothing about a person.
    """

    name: str
    category: str
    source: str
    examples: Examples
    description: str = ""
    patterns: tuple[Pattern, ...] = ()
    keywords: Keywords | None = None
    integration: Integration | None = None
    facts: dict[str, str] = {}
    context_words: tuple[str, ...] = ()
    negative_context_words: tuple[str, ...] = ()
    field_names: FieldNames = FieldNames()
    person_tables_only: bool = False
    reportable: bool = True
