//! The token endpoint's request and answer (RFC 6749 §4.1.3, §5, §6; toki.md "Token request").
