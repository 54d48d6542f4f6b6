//! The provider's keys (RFC 7517), sorted out: what can verify, under which algorithm.
