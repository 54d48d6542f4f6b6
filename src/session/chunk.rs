//! A sealed part over several cookies: every `Set-Cookie` under 4,096 bytes, the pieces of one part of one sealing.
