//! What is left out, and why.

use crate::values::NO_MESSAGE;

/// Why tests are not passed, and what their failures say then.
#[derive(Debug)]
pub(crate) struct Why {
    reason: &'static str,
    says: &'static [&'static str],
}

impl Why {
    /// Whether a failure is of the kind that is excepted.
    pub(crate) fn explains(&self, failure: &str) -> bool {
        self.says.iter().any(|part| failure.contains(part))
    }

    pub(crate) const fn reason(&self) -> &'static str {
        self.reason
    }
}

const NETWORK: Why = Why {
    reason: "addresses of the network are nothing that images have",
    says: &["undeclared reference to "],
};
const OPTIMISER: Why = Why {
    reason: "cel.block is what an optimiser writes, not people",
    says: &["undeclared reference to 'cel.", "expected a simple name", NO_MESSAGE, NO_LITERAL],
};
const PROTOBUF: Why = Why {
    reason: "there are no messages of protocol buffers",
    says: &[
        NO_LITERAL,
        NO_MESSAGE,
        "undeclared reference to 'GlobalEnum",
        "undeclared reference to 'TestAllTypes",
    ],
};
const TYPES: Why =
    Why { reason: "there is no type checker", says: &[crate::NO_CHECKER, NO_LITERAL, NO_MESSAGE] };
const UNKNOWN_NAME: Why = Why {
    reason: "an unknown name is refused before anything is evaluated",
    says: &[
        "undeclared reference to 'x'",
        "undeclared reference to 'f_",
        "undeclared reference to 'a.",
    ],
};
const ZONE_NAME: Why = Why {
    reason: "a module does not learn of new rules for time zones: offsets only",
    says: &["unknown time zone '"],
};

const NO_LITERAL: &str = "message literals are not supported";

/// A test or, with `*`, all of a section or of a file: those are not advertised.
#[derive(Debug)]
pub(crate) struct Exception {
    pub(crate) section: &'static str,
    pub(crate) test: &'static str,
    pub(crate) why: Why,
}

const fn file(why: Why) -> Exception {
    Exception { section: "*", test: "*", why }
}

const fn section(section: &'static str, why: Why) -> Exception {
    Exception { section, test: "*", why }
}

const fn test(section: &'static str, test: &'static str, why: Why) -> Exception {
    Exception { section, test, why }
}

/// Every file, with its exceptions.
pub(crate) static FILES: &[(&str, &[Exception])] = &[
    (
        "basic",
        &[
            test("variables", "unbound_is_runtime_error", UNKNOWN_NAME),
            test("functions", "unbound_is_runtime_error", UNKNOWN_NAME),
        ],
    ),
    ("bindings_ext", &[]),
    ("block_ext", &[file(OPTIMISER)]),
    (
        "comparisons",
        &[
            section("eq_wrapper", PROTOBUF),
            test("eq_literal", "eq_dyn_json_null", PROTOBUF),
            test("eq_literal", "not_eq_dyn_proto2_msg_null", PROTOBUF),
            test("eq_literal", "not_eq_dyn_proto3_msg_null", PROTOBUF),
            test("ne_literal", "ne_proto2", PROTOBUF),
            test("ne_literal", "ne_proto3", PROTOBUF),
            test("ne_literal", "ne_proto2_missing_fields_neq", PROTOBUF),
            test("ne_literal", "ne_proto3_missing_fields_neq", PROTOBUF),
            test("ne_literal", "ne_proto_nan_not_equal", PROTOBUF),
            test("ne_literal", "ne_proto_different_types", PROTOBUF),
            test("ne_literal", "ne_proto2_any_unpack", PROTOBUF),
            test("ne_literal", "ne_proto2_any_unpack_bytewise_fallback", PROTOBUF),
            test("ne_literal", "ne_proto3_any_unpack", PROTOBUF),
            test("ne_literal", "ne_proto3_any_unpack_bytewise_fallback", PROTOBUF),
        ],
    ),
    ("conversions", &[]),
    ("dynamic", &[file(PROTOBUF)]),
    ("encoders_ext", &[]),
    ("enums", &[file(PROTOBUF)]),
    ("fields", &[]),
    ("fp_math", &[]),
    ("integer_math", &[]),
    ("lists", &[]),
    ("logic", &[]),
    ("macros", &[]),
    ("macros2", &[]),
    ("math_ext", &[]),
    ("namespace", &[]),
    ("network_ext", &[file(NETWORK)]),
    (
        "optionals",
        &[
            test(
                "optionals",
                "has_optional_ofNonZeroValue_struct_optional_ofNonZeroValue_map_optindex_field",
                PROTOBUF,
            ),
            test(
                "optionals",
                "optional_ofNonZeroValue_struct_optional_ofNonZeroValue_map_optindex_field",
                PROTOBUF,
            ),
            test("optionals", "struct_map_optindex_field", PROTOBUF),
            test("optionals", "struct_optional_ofNonZeroValue_map_optindex_field", PROTOBUF),
            test("optionals", "struct_map_optindex_field_nested", PROTOBUF),
            test("optionals", "struct_list_optindex_field", PROTOBUF),
            test("optionals", "empty_struct_optindex_hasValue", PROTOBUF),
            test("optionals", "optional_empty_struct_optindex_hasValue", PROTOBUF),
            test("optionals", "struct_optindex_value", PROTOBUF),
            test("optionals", "optional_struct_optindex_value", PROTOBUF),
            test("optionals", "optional_struct_optindex_index_value", PROTOBUF),
        ],
    ),
    (
        "parse",
        &[
            section("struct_field_names", PROTOBUF),
            section("receiver_function_names", UNKNOWN_NAME),
            test("nest", "message_literal", PROTOBUF),
            test("repeat", "select", PROTOBUF),
            test("repeat", "message_literal", PROTOBUF),
            test("whitespace", "spaces", PROTOBUF),
            test("whitespace", "tabs", PROTOBUF),
            test("whitespace", "new_lines", PROTOBUF),
            test("whitespace", "new_pages", PROTOBUF),
            test("whitespace", "carriage_returns", PROTOBUF),
            test("comments", "new_line_terminated", PROTOBUF),
        ],
    ),
    ("plumbing", &[]),
    ("proto2", &[file(PROTOBUF)]),
    ("proto2_ext", &[file(PROTOBUF)]),
    ("proto3", &[file(PROTOBUF)]),
    ("string", &[]),
    (
        "string_ext",
        &[
            test("format_errors", "object not allowed", PROTOBUF),
            test("format_errors", "object inside list", PROTOBUF),
            test("format_errors", "object inside map", PROTOBUF),
        ],
    ),
    (
        "timestamps",
        &[
            test("timestamp_selectors_tz", "getDate", ZONE_NAME),
            test("timestamp_selectors_tz", "getDayOfMonth_name_pos", ZONE_NAME),
            test("timestamp_selectors_tz", "getDayOfMonth_name_neg", ZONE_NAME),
            test("timestamp_selectors_tz", "getDayOfYear", ZONE_NAME),
            test("timestamp_selectors_tz", "getMinutes", ZONE_NAME),
        ],
    ),
    ("type_deduction", &[file(TYPES)]),
    ("unknowns", &[]),
    ("wrappers", &[file(PROTOBUF)]),
];
