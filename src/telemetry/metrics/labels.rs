//! The values that labels can have: all of them, so that none grows with what clients send.

/// An enum whose variants are label values, in the order of the counters.
macro_rules! label {
    ($(#[$about:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $label:literal,)* }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name { $($(#[$doc])* $variant,)* }

        impl $name {
            pub const LABELS: &'static [&'static str] = &[$($label,)*];
        }
    };
}

label! {
    /// What was decided on a request: `tokigate_requests_total{decision}`.
    Decision {
        /// To the application, for a signed-in user.
        Forwarded = "forwarded",
        /// To the application, for nobody: a public or optional path.
        ForwardedPublic = "forwarded_public",
        /// Forward-auth said yes.
        Allowed = "allowed",
        /// A sign-in was started: off to the provider.
        SignIn = "sign_in",
        /// One of the gate's own addresses answered.
        Endpoint = "endpoint",
        /// 401: no session, and no page to redirect.
        Unauthenticated = "unauthenticated",
        /// 403: a rule, an origin, or a user who cannot be named.
        Denied = "denied",
        /// An address, host or method that is not there, or an ambiguous path.
        NotServed = "not_served",
        /// Refused at the door: no valid request.
        Malformed = "malformed",
        /// 503: the provider is away and the grace is over.
        ProviderAway = "provider_away",
    }
}

label! {
    /// The two parts of a request's time: `tokigate_request_duration_seconds{part}`.
    Part {
        /// What the gate added: everything but waiting for the application.
        Gate = "gate",
        /// From the request being sent to the application to the head of its answer.
        Upstream = "upstream",
    }
}

label! {
    /// How a sign-in that came back ended: `tokigate_logins_total{result}`.
    LoginResult {
        Success = "success",
        /// The person, or the provider on its own, said no.
        Refused = "refused",
        /// A bad, stale or foreign answer, or a code that was not accepted.
        Invalid = "invalid",
        /// It came back without its cookie and was started again.
        Restarted = "restarted",
        /// The provider was unreachable or its answer broken.
        ProviderError = "provider_error",
        /// The user cannot be named, or the session does not fit its cookies.
        Unusable = "unusable",
        /// Beyond `limits.logins_per_minute`.
        Limited = "limited",
    }
}

label! {
    /// How a refresh ended: `tokigate_refreshes_total{result}`.
    RefreshResult {
        Renewed = "renewed",
        /// `invalid_grant`, or another user's answer: the session is over.
        Ended = "ended",
        /// Anything else: the session lives on for its grace.
        Failed = "failed",
    }
}

label! {
    /// By what way the provider said that sessions have ended: `tokigate_provider_logouts_total{channel}`.
    Channel {
        Back = "back",
        Front = "front",
    }
}

label! {
    /// What became of it: `tokigate_provider_logouts_total{result}`.
    LogoutResult {
        /// What it names is over.
        Accepted = "accepted",
        /// Not by the provider, or not about anybody here.
        Refused = "refused",
        /// The provider's keys cannot be had.
        NotNow = "not_now",
    }
}

label! {
    /// What had to be forgotten before its time: `tokigate_forgotten_total{kind}`.
    Forgotten {
        /// Sessions that were ended or refreshed here.
        Sessions = "sessions",
        /// Names of sessions that the provider has ended.
        BackChannel = "back_channel",
        /// The same in front, where anybody can invent some.
        FrontChannel = "front_channel",
        /// Sign-ins whose callback had come: it would spend its code again.
        Attempts = "attempts",
    }
}

label! {
    /// Which address of the provider was called.
    Endpoint {
        Discovery = "discovery",
        Jwks = "jwks",
        Token = "token",
        Userinfo = "userinfo",
        /// A pushed authorization request.
        Par = "par",
        Revocation = "revocation",
        Introspection = "introspection",
        /// Metadata of an issuer of `[[bearer]]`.
        BearerDiscovery = "bearer_discovery",
        /// Keys of one.
        BearerJwks = "bearer_jwks",
    }
}

label! {
    /// How a call to the provider ended.
    CallResult {
        Ok = "ok",
        /// An error answer of the protocol (`invalid_grant` and the like, 4xx).
        Refused = "refused",
        /// 5xx, or an answer that cannot be read.
        Broken = "broken",
        /// No answer: connection, TLS or time.
        Unreachable = "unreachable",
    }
}

label! {
    /// Why a connection was closed before its first request, or a stream of HTTP/2 refused: `tokigate_refused_connections_total{reason}`.
    RefusedConnection {
        /// Beyond `limits.connections`.
        Crowded = "crowded",
        /// A stream beyond as many.
        CrowdedStreams = "crowded_streams",
        /// A trusted proxy's, without the header that `proxy_protocol` demands.
        ProxyHeaderMissing = "proxy_header_missing",
        /// A trusted proxy's, with one that cannot be read.
        ProxyHeaderBad = "proxy_header_bad",
        /// A trusted proxy's, whose header did not come in time.
        ProxyHeaderLate = "proxy_header_late",
        /// Somebody else's, with one.
        ProxyHeaderUntrusted = "proxy_header_untrusted",
        /// No TLS, or no agreement on how: an old version, no certificate, one that nobody vouches for.
        Handshake = "tls_handshake",
        /// One that did not come to its end in time.
        HandshakeLate = "tls_handshake_late",
        /// HTTP in the clear.
        PlainHttp = "plain_http",
        /// A client's session was resumed, and its certificate would not be taken any more.
        ClientCertificate = "client_certificate",
        /// A head of HTTP/1.1 beyond `limits.header_bytes`, or with too many fields.
        HeadTooLarge = "head_too_large",
        /// A head of HTTP/1.1 that is none.
        HeadMalformed = "head_malformed",
    }
}

label! {
    /// How a reload ended: `tokigate_config_reloads_total{result}`.
    ReloadResult {
        Success = "success",
        /// The new one has problems; the old one stays.
        Failure = "failure",
    }
}

/// Labels that logs say too.
macro_rules! told {
    ($($name:ident)*) => { $(
        impl $name {
            pub fn label(self) -> &'static str {
                Self::LABELS[self as usize]
            }
        }
    )* };
}

told! { Decision Endpoint RefusedConnection }
