//! Hop-by-hop fields (RFC 9110 §7.6.1), and the headers that carry identity: removed whoever sent them, however they are spelled.
