"""The tree-sitter query of each language.

Each match has one of the captures `function`, `class`, `import`, `comment` and `string`. Functions and classes also
capture their `name`, functions their `parameters`. Node names are those of the grammars' own releases.
"""

from typing import NamedTuple


class Grammar(NamedTuple):
    """The module of a grammar, the function in it that returns the language, and the query."""

    module: str
    language_function: str
    query: str


_ECMA = """
(function_declaration name: (_) @name parameters: (_) @parameters) @function
(generator_function_declaration name: (_) @name parameters: (_) @parameters) @function
(method_definition name: (_) @name parameters: (_) @parameters) @function
(variable_declarator name: (identifier) @name
  value: [(arrow_function parameters: (_) @parameters) (function_expression parameters: (_) @parameters)]) @function
(class_declaration name: (_) @name) @class
(import_statement source: (_) @import)
(export_statement source: (_) @import)
(call_expression function: (identifier) @called arguments: (arguments . (string) @import) (#eq? @called "require"))
(call_expression function: (import) arguments: (arguments . (string) @import))
(comment) @comment
[(string) (template_string)] @string
"""
_TYPED_ECMA = """
(interface_declaration name: (_) @name) @class
(enum_declaration name: (_) @name) @class
(abstract_class_declaration name: (_) @name) @class
"""

GRAMMARS = {
    "python": Grammar(
        "tree_sitter_python",
        "language",
        """
(function_definition name: (_) @name parameters: (_) @parameters) @function
(class_definition name: (_) @name) @class
(import_statement name: (_) @import)
(import_from_statement module_name: (_) @import)
(comment) @comment
(string) @string
""",
    ),
    "javascript": Grammar("tree_sitter_javascript", "language", _ECMA),
    "typescript": Grammar("tree_sitter_typescript", "language_typescript", _ECMA + _TYPED_ECMA),
    "tsx": Grammar("tree_sitter_typescript", "language_tsx", _ECMA + _TYPED_ECMA),
    "php": Grammar(
        "tree_sitter_php",
        "language_php",
        """
(function_definition name: (_) @name parameters: (_) @parameters) @function
(method_declaration name: (_) @name parameters: (_) @parameters) @function
(class_declaration name: (_) @name) @class
(interface_declaration name: (_) @name) @class
(trait_declaration name: (_) @name) @class
(enum_declaration name: (_) @name) @class
(namespace_use_clause) @import
[(require_expression (_) @import) (require_once_expression (_) @import)]
[(include_expression (_) @import) (include_once_expression (_) @import)]
(comment) @comment
[(string) (encapsed_string) (heredoc) (nowdoc)] @string
""",
    ),
    "java": Grammar(
        "tree_sitter_java",
        "language",
        """
(method_declaration name: (_) @name parameters: (_) @parameters) @function
(constructor_declaration name: (_) @name parameters: (_) @parameters) @function
(class_declaration name: (_) @name) @class
(interface_declaration name: (_) @name) @class
(enum_declaration name: (_) @name) @class
(record_declaration name: (_) @name) @class
(import_declaration) @import
[(line_comment) (block_comment)] @comment
(string_literal) @string
""",
    ),
    "go": Grammar(
        "tree_sitter_go",
        "language",
        """
(function_declaration name: (_) @name parameters: (_) @parameters) @function
(method_declaration name: (_) @name parameters: (_) @parameters) @function
(type_spec name: (_) @name) @class
(import_spec path: (_) @import)
(comment) @comment
[(interpreted_string_literal) (raw_string_literal)] @string
""",
    ),
    "ruby": Grammar(
        "tree_sitter_ruby",
        "language",
        """
(method name: (_) @name parameters: (_)? @parameters) @function
(singleton_method name: (_) @name parameters: (_)? @parameters) @function
(class name: (_) @name) @class
(module name: (_) @name) @class
(call method: (identifier) @called arguments: (argument_list . (string) @import)
  (#match? @called "^(require|require_relative|load)$"))
(comment) @comment
[(string) (heredoc_body)] @string
""",
    ),
    "csharp": Grammar(
        "tree_sitter_c_sharp",
        "language",
        """
(method_declaration name: (_) @name parameters: (_) @parameters) @function
(constructor_declaration name: (_) @name parameters: (_) @parameters) @function
(local_function_statement name: (_) @name parameters: (_) @parameters) @function
(class_declaration name: (_) @name) @class
(interface_declaration name: (_) @name) @class
(struct_declaration name: (_) @name) @class
(record_declaration name: (_) @name) @class
(enum_declaration name: (_) @name) @class
(using_directive) @import
(comment) @comment
[(string_literal) (verbatim_string_literal) (raw_string_literal) (interpolated_string_expression)] @string
""",
    ),
    "sql": Grammar(
        "tree_sitter_sql",
        "language",
        """
(create_function (object_reference) @name (function_arguments) @parameters) @function
(create_table (object_reference) @name) @class
(create_view (object_reference) @name) @class
[(comment) (marginalia)] @comment
(literal) @string
""",
    ),
}
