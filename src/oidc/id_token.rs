//! ID tokens, verified step by step (OpenID Connect Core §3.1.3.7).
