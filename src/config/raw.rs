//! What can be written: every key of this version with its kind. The comments are what editors show (`tokigate schema`).

use std::path::PathBuf;

use schemars::JsonSchema;

use super::conditions::Required;
use super::given::Given;
use super::measure::{OrNone, Size, Time};
use super::shape::{Many, Shape, sections};
use super::upstream::HostHeader;
use super::value::{At, Entries, Key, One, OneOrMore};
use super::{Problem, server};
use crate::gate::PassOn;
use crate::gate::rules::Access;
use crate::oidc::Secret;
use crate::provider::{ClientAuth, Par, Preset, UserinfoMode};
use crate::store::cookie::SameSite;
use crate::telemetry::log;

type Text = Key<String>;
type Texts = Key<Vec<At<String>>>;
type File = Key<PathBuf>;

sections! {
    /// The configuration of tokigate, an authenticating proxy.
    Configuration {
        /// What browsers see: scheme, host, port, and the path the application lives under, if any; or a list of them. http on loopback only.
        public_url: Key<OneOrMore>,
        /// Further hosts under which machines call: same rules, but 401 and never a redirect.
        extra_hosts: Texts,
        /// The application: http://127.0.0.1:3000, https://host:port, h2c://host:port, unix:/run/app.sock or h2c+unix:/run/app.sock. Absent: forward-auth only.
        upstream: Text,
        /// What the application gets as Host: keep (what the client asked for, the default), or upstream (its own host and port).
        host_header: Key<One<HostHeader>>,
        /// Address and port, unix:/path, or a socket that was passed on (fd:3, fd:name); or a list of them. Default 127.0.0.1:4180.
        listen: Key<OneOrMore>,
        /// Health, readiness, metrics; never the same address as listen. Default 127.0.0.1:4181.
        admin_listen: Text,
        /// An exact path on the public listener that answers load balancers: 200 or 503.
        health_path: Text,
        /// Where the gate's own endpoints live, below public_url's path. Default /oauth2.
        prefix: Text,
        /// Networks (also "loopback", "private") whose X-Forwarded-*, Forwarded and original-request headers are believed.
        trusted_proxies: Texts,
        /// Whether trusted_proxies write a header of the PROXY protocol (v1, v2) in front of each connection. Default false.
        proxy_protocol: Key<bool>,
        /// Further Origins for WebSockets; a foreign one is 403.
        allowed_origins: Texts,
        /// Threads that serve. Default: the cgroup's CPU limit rounded up, else the CPUs, at most 4.
        workers: Key<u64>,
        /// TLS towards clients, on listeners with a port; all files are read again when they change.
        tls: Tls,
        /// The provider that signs people in.
        provider: Provider,
        /// TLS to https:// applications; names are always verified.
        upstream_tls: UpstreamTls,
        /// Sessions and their cookies.
        session: Session,
        /// How the application is told who the user is.
        identity: Identity,
        /// Read from top to bottom; the first that matches decides; a request that none matches needs a signed-in user.
        rules: Many<Rule>,
        /// Whose access tokens rules with bearer = true take.
        bearer: Many<Bearer>,
        /// Pages of other origins whose scripts use this application.
        cors: Cors,
        /// Bounds.
        limits: Limits,
        /// What happens after SIGTERM.
        shutdown: Shutdown,
        /// Logs.
        log: Log,
        /// What people see of the gate.
        pages: Pages,
    }

    Tls {
        /// The certificate in PEM, with its chain; read again when it changes. It is shown where none of certificates is for the name asked for.
        cert_file: File,
        /// Its private key in PEM.
        key_file: File,
        /// Certificates in PEM: whom none of them vouches for is not let in (mutual TLS).
        client_ca_file: File,
        /// Revocation lists (CRL) in PEM: whose certificate stands in one, or has none that counts for it, is not let in. One of each issuer; read again when it changes.
        client_crl_file: File,
        /// Further certificates, for the names that are in them: [{ cert_file = "…", key_file = "…" }].
        certificates: Many<CertificatePair>,
        /// What seals session tickets, the same in all replicas: one key a line as in session.keys_file, the first seals, all open. Default keys of this process.
        ticket_key_file: File,
    }

    CertificatePair {
        /// The certificate in PEM, with its chain.
        cert_file: File,
        /// Its private key in PEM.
        key_file: File,
    }

    UpstreamTls {
        /// Certificates in PEM whose word is taken for who the application is, in place of the system's; read again when they change.
        ca_file: File,
        /// The certificate in PEM, with its chain, that is shown to an application that asks for one; read again when it changes.
        cert_file: File,
        /// Its private key in PEM.
        key_file: File,
    }

    Provider {
        /// toki: addresses filled in. oidc: issuer is discovered. oauth2: addresses by hand.
        preset: Key<One<Preset>>,
        /// The issuer, exactly as the provider names itself; preset oidc discovers the rest from it.
        issuer: Text,
        /// Where browsers are sent to sign in.
        authorization_endpoint: Text,
        /// Where codes and refresh tokens are exchanged.
        token_endpoint: Text,
        /// A template: {userId} is that field of the token answer, percent-encoded.
        userinfo_endpoint: Text,
        /// The keys that sign ID tokens.
        jwks_uri: Text,
        /// The provider's own sign-out, where it has one.
        end_session_endpoint: Text,
        /// Where tokens are revoked, where the provider can.
        revocation_endpoint: Text,
        /// Where authorization requests are pushed, where the provider takes them.
        pushed_authorization_request_endpoint: Text,
        /// As registered at the provider.
        client_id: Text,
        /// Needed only where pkce is false. Better in client_secret_file or TOKIGATE_PROVIDER__CLIENT_SECRET.
        client_secret: Key<Secret<String>>,
        /// The file that holds it; a line's end at its end is not part of it.
        client_secret_file: File,
        /// Default client_secret_post with a secret, else none. Also client_secret_basic, private_key_jwt, tls_client_auth.
        client_auth: Key<One<ClientAuth>>,
        /// The private key of private_key_jwt in PEM: RSA, P-256 or Ed25519. Better in signing_key_file.
        signing_key: Key<Secret<String>>,
        /// The file that holds it; read again when it changes.
        signing_key_file: File,
        /// What the provider calls that key (kid). Default its thumbprint (RFC 7638).
        signing_key_id: Text,
        /// How it signs. Default what the key can and the provider takes: RS256 or PS256, ES256, EdDSA.
        signing_alg: Key<One<jsonwebtoken::Algorithm>>,
        /// The certificate of tls_client_auth in PEM, with its chain; read again when it changes.
        tls_cert_file: File,
        /// Its private key in PEM.
        tls_key_file: File,
        /// Pushed authorization requests. auto: where the provider demands them, or their address is written here. required, off.
        par: Key<One<Par>>,
        /// S256, nothing else. Default true.
        pkce: Key<bool>,
        /// Default ["openid", "offline_access"].
        scopes: Texts,
        /// A whole path on the origin, as registered at the provider. Default <path of public_url><prefix>/callback.
        callback_path: Text,
        /// Further parameters of the authorization request.
        authorize_params: Key<Entries>,
        /// Parameters that /start may pass on.
        start_params: Texts,
        /// Default required where an address is known. optional: sign-in goes on without it.
        userinfo: Key<One<UserinfoMode>>,
        /// Dotted path to the object that holds the claims. Default data (toki), where it is present.
        userinfo_path: Text,
        /// The claim that names the user. Default userId (toki), sub (else).
        user_claim: Text,
        /// Default true (oidc), false (toki, oauth2).
        require_id_token: Key<bool>,
        /// Default ["RS256", "PS256", "ES256", "EdDSA"]. Also RS384, RS512, PS384, PS512, ES384.
        id_token_algs: Key<Vec<At<One<jsonwebtoken::Algorithm>>>>,
        /// Certificates in PEM that are trusted besides the system's; read again when they change.
        ca_file: File,
        /// The proxy towards the provider, for everything there. Default: what HTTPS_PROXY and NO_PROXY say.
        proxy: Text,
        /// Dangerous: plain http to the provider beyond loopback. Default false.
        insecure_http: Key<bool>,
    }

    Session {
        /// 32 bytes each, from `tokigate keygen`: the first seals, all open. Better in keys_file.
        keys: Key<Vec<At<Secret<String>>>>,
        /// One key a line; blank and # lines are allowed; reloaded when it changes.
        keys_file: File,
        /// How long after this process first saw it a new first key begins to seal. Default 5m.
        key_delay: Key<Time>,
        /// Default __Host-tokigate, joined with a path in public_url or another prefix; tokigate-<port> on plain-http loopback.
        cookie_name: Text,
        /// How long a session lasts at most. Default 12h.
        lifetime: Key<Time>,
        /// How long a session lasts without activity. Default off.
        idle_timeout: Key<OrNone<Time>>,
        /// Whether a session that was given no refresh token ends with its access token. Default false.
        end_with_token: Key<bool>,
        /// How long before its end a token is refreshed. Default 60s, but at most a third of its life.
        refresh_before: Key<Time>,
        /// How long past its access token a session is served while the provider cannot be reached. Default 5m.
        outage_grace: Key<Time>,
        /// Default Lax. Strict: the callback goes on by a page instead of a redirect.
        same_site: Key<One<SameSite>>,
        /// What may come back in Cookie. Default 7KiB.
        cookie_budget: Key<Size>,
        /// Cookie names (with *) removed from requests and expired on sight: what another gate left behind.
        drop_cookies: Texts,
    }

    Identity {
        /// Header = dotted claim path or template such as "{firstName} {lastName}". A table that is written replaces the default whole.
        headers: Key<Entries>,
        /// Whether and where the application gets the access token. Default off.
        access_token: Key<One<AccessToken>>,
        /// Whether and where the application gets the ID token. Default off.
        id_token: Key<One<IdToken>>,
    }

    Rule {
        /// * is any run inside one segment, ** any number of segments; "/x/**" includes "/x".
        path: Key<OneOrMore>,
        /// All, where absent.
        methods: Texts,
        /// Default user. optional: identity where there is a session, no refusal where there is none. deny: 403 for everybody.
        access: Key<One<Access>>,
        /// Networks (also "loopback", "private"). A rule that opens is not there for anybody else; any other refuses them.
        from: Key<OneOrMore>,
        /// What the claims must say: dotted claim path = a value or a list of them, * for any run of characters. All keys, any value of a key.
        require: Key<Required>,
        /// The user signed in no longer ago than this, else signs in again.
        max_age: Key<Time>,
        /// The user signed in in one of these ways (acr), else signs in again.
        acr_values: Key<OneOrMore>,
        /// Whether access tokens of [[bearer]] are taken in place of a session. Default false.
        bearer: Key<bool>,
        /// Another application that gets what this rule lets through: http://127.0.0.1:4000, or of any other kind. Default the one at the top.
        upstream: Text,
    }

    Bearer {
        /// Exactly as its tokens name it.
        issuer: Text,
        /// What its tokens for this application have in aud; or a list, of which one is enough.
        audience: Key<OneOrMore>,
        /// The keys that sign its access tokens. Absent, and introspection_endpoint too: its metadata says where they are.
        jwks_uri: Text,
        /// Where it is asked about tokens: without jwks_uri about all, else about those that are not signed ones (RFC 9068).
        introspection_endpoint: Text,
        /// Who asks there.
        client_id: Text,
        /// What shows it, as Basic. Better in client_secret_file.
        client_secret: Key<Secret<String>>,
        /// The file that holds it; a line's end at its end is not part of it.
        client_secret_file: File,
        /// The claim that names the user. Default: provider.user_claim.
        user_claim: Text,
        /// Default ["RS256", "PS256", "ES256", "EdDSA"].
        algs: Key<Vec<At<One<jsonwebtoken::Algorithm>>>>,
    }

    Cors {
        /// Origins whose preflights reach the application without a session, and whose scripts may read what the gate itself answers.
        origins: Texts,
    }

    Limits {
        /// Of a request's head. Default 64KiB.
        header_bytes: Key<Size>,
        /// Of a request's body. Default none.
        body_bytes: Key<OrNone<Size>>,
        /// At the same time; and of HTTP/2 as many streams. Default 10000.
        connections: Key<u64>,
        /// First byte to end of head. Default 10s.
        header_timeout: Key<Time>,
        /// Between requests. Default 620s.
        idle_timeout: Key<Time>,
        /// Default 5s.
        upstream_connect_timeout: Key<Time>,
        /// To the response's head, never for a running stream. A request's body that stops for so long is 408. Default 60s.
        upstream_timeout: Key<Time>,
        /// How long an idle connection to the application is used again, where the application does not say. Default 1500ms.
        upstream_idle_timeout: Key<Time>,
        /// Codes that are exchanged in a minute, and as many requests that are pushed, by the whole process: 429 beyond. Default 600.
        logins_per_minute: Key<u64>,
        /// Access tokens that nobody has heard of and their issuer is asked about in a minute, by the whole process: 429 beyond. Default 6000.
        introspections_per_minute: Key<u64>,
    }

    Shutdown {
        /// Not ready, but accepting. Default 5s.
        delay: Key<Time>,
        /// Then what runs is finished, for at most this long. Default 20s.
        drain: Key<Time>,
    }

    Log {
        /// auto: text on a terminal, JSON elsewhere.
        format: Key<One<log::Format>>,
        /// Default info.
        level: Key<One<tracing::Level>>,
        /// A line for every request. Default true.
        access: Key<bool>,
        /// Who the user is: hash (a stable keyed hash), id, or off. Default hash.
        user: Key<One<log::User>>,
        /// Whether query strings are logged. Default false.
        query: Key<bool>,
    }

    Pages {
        /// The application's name.
        name: Text,
        /// Who helps: an address, a telephone number.
        support: Text,
        /// auto: by Accept-Language.
        language: Key<One<server::Language>>,
    }
}

/// `[identity] access_token`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccessToken(pub PassOn);

/// `[identity] id_token`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdToken(pub PassOn);
