//! Sessions, tokens, attempts and states as bytes: a version byte, a fixed head read in place, then what varies.
