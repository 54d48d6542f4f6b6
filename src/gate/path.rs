//! Readings of a request target: every way an application might understand a path (interface.md "No second reading opens anything").
