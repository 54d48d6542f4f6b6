//! Mistakes in `[provider]`.

use super::*;

#[test]
fn of_the_provider() {
    check_all(
        "provider",
        r##"
client_id = ""
    -> provider.client_id: it is empty, or holds what no client identifier does
client_id = "<id>"
    -> provider.client_id: it is a placeholder; write the identifier that the provider gave this application
client_id = 5
    -> provider.client_id: 5 is no text; write it in quotes
preset = "google"
    -> provider.preset: "google" is not known; write toki, oidc or oauth2
preset = "oidc"
    -> provider.issuer: it is missing; preset oidc discovers everything from it; write issuer = "https://…"
preset = "oauth2"
token_endpoint = "https://op.mn/t"
    -> provider.authorization_endpoint: it is missing; preset oauth2 needs it: where browsers are sent
preset = "oidc"
issuer = "https://op.mn"
scopes = ["email"]
    -> provider.scopes: OpenID Connect needs "openid" among them; add it, or write preset = "oauth2"
issuer = "https://op.mn/.well-known/openid-configuration"
    -> provider.issuer: it is the address of the metadata; write "https://op.mn"
issuer = "https://op.mn?x=1"
    -> provider.issuer: "https://op.mn?x=1" has a query, which no issuer has
token_endpoint = "http://op.mn/t"
    -> provider.token_endpoint: "http://op.mn/t" is plain http, which only loopback may be; write https://…, or insecure_http = true where the way there is safe
token_endpoint = "op.mn"
    -> provider.token_endpoint: "op.mn" is no address of the web; write https://…
jwks_uri = "https://op.mn/#k"
    -> provider.jwks_uri: "https://op.mn/#k" has a fragment; leave it out
userinfo_endpoint = "http://op.mn/{userId}"
    -> provider.userinfo_endpoint: "http://op.mn/userId" is plain http, which only loopback may be; write https://…, or insecure_http = true where the way there is safe
userinfo_endpoint = "https://op.mn/{userId"
    -> provider.userinfo_endpoint: "https://op.mn/{userId" has a brace without its other, or nothing between them; write {userId}
userinfo_endpoint = "https://op.mn/userId}"
    -> provider.userinfo_endpoint: "https://op.mn/userId}" has a brace without its other, or nothing between them; write {userId}
userinfo_endpoint = "https://op.mn/{}"
    -> provider.userinfo_endpoint: "https://op.mn/{}" has a brace without its other, or nothing between them; write {userId}
userinfo_endpoint = "https://{host}/u"
    -> provider.userinfo_endpoint: "https://{host}/u" lets the token answer choose the host; write braces in path and query only
userinfo_endpoint = "{whole}"
    -> provider.userinfo_endpoint: "{whole}" is no address of the web; write https://…
pkce = false
    -> provider.pkce: without PKCE the client secret is needed; write provider.client_secret_file, or pkce = true
pkce = "yes"
    -> provider.pkce: "yes" is neither true nor false
client_auth = "client_secret_basic"
    -> provider.client_auth: it needs provider.client_secret or client_secret_file
client_auth = "client_secret_jwt"
    -> provider.client_auth: "client_secret_jwt" is not known; write none, client_secret_post, client_secret_basic, private_key_jwt or tls_client_auth
client_auth = "none"
client_secret = "s3cret"
    -> provider.client_auth: the client secret would not be used; write client_secret_post, or leave the secret out
client_secret = ""
    -> provider.client_secret: it is empty
client_secret = "<secret>"
    -> provider.client_secret: it is a placeholder; write the secret that the provider gave
client_secret = 12345
    -> provider.client_secret: a secret is a text; write it in quotes
client_secret_file = "/nowhere"
    -> provider.client_secret_file: /nowhere cannot be read: No such file or directory (os error 2)
client_secret_file = "/dev/null"
    -> provider.client_secret_file: /dev/null is empty
client_secret = "a"
client_secret_file = "/dev/null"
    -> provider.client_secret_file: provider.client_secret is given, too; keep one of them
scopes = ["openid email"]
    -> provider.scopes[0]: "openid email" is several scopes; write ["openid", "email"]
scopes = ["open\"id"]
    -> provider.scopes[0]: "open\"id" is no scope
callback_path = "/oauth2/start"
    -> provider.callback_path: "/oauth2/start" is one of the gate's own endpoints; write /oauth2/callback
callback_path = "/oauth2"
    -> provider.callback_path: "/oauth2" is one of the gate's own endpoints; write /oauth2/callback
callback_path = "https://app.example.mn/cb"
    -> provider.callback_path: "https://app.example.mn/cb" is no path; write /https://app.example.mn/cb
authorize_params = { state = "x" }
    -> provider.authorize_params.state: state is the protocol's own and cannot be set; leave it out
authorize_params = { ui_locales = 5 }
    -> provider.authorize_params.ui_locales: 5 is no text; write it in quotes
start_params = ["redirect_uri"]
    -> provider.start_params[0]: redirect_uri is the protocol's own and cannot be set; leave it out
start_params = ["rd"]
    -> provider.start_params[0]: rd is the gate's own parameter
start_params = ["a b"]
    -> provider.start_params[0]: "a b" is no name of a parameter
preset = "oauth2"
authorization_endpoint = "https://op.mn/a"
token_endpoint = "https://op.mn/t"
userinfo = "required"
    -> provider.userinfo: it needs provider.userinfo_endpoint
userinfo_path = "data."
    -> provider.userinfo_path: "data." is no path of claims; write a name, or names with dots between them
user_claim = "{sub}"
    -> provider.user_claim: "{sub}" is no path of claims; write a name, or names with dots between them
require_id_token = true
scopes = []
    -> provider.require_id_token: an ID token comes only where provider.scopes has "openid"
id_token_algs = ["none"]
    -> provider.id_token_algs[0]: "none" is not known; write RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384 or EdDSA
id_token_algs = []
    -> provider.id_token_algs: it is empty: no token would be taken
ca_file = "/dev/null"
    -> provider.ca_file: /dev/null: it holds no certificate in PEM
ca_file = ""
    -> provider.ca_file: it is empty; write the path of a file
proxy = "socks5://me:s3cret@proxy"
    -> provider.proxy: it is no address of a proxy; write http://host:port
"##,
    );
}

/// As strictly as the start reads it.
#[test]
fn of_authorities_that_only_look_like_some() {
    let file = std::env::temp_dir().join(format!("tokigate-config-ca-{}.pem", std::process::id()));
    std::fs::write(&file, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").unwrap();
    let said = told(&around("provider", &format!("ca_file = {file:?}")), &[]);
    let place = format!("provider.ca_file: {}: ", file.display());
    assert!(said.len() == 1 && said[0].contains(&place), "{said:?}");
    std::fs::remove_file(file).unwrap();
}

/// Keys and certificates as the tests of the rooms that use them have them.
#[test]
fn of_how_the_client_says_who_it_is() {
    check_all(
        "provider",
        r##"
client_auth = "private_key_jwt"
    -> provider.client_auth: it needs provider.signing_key_file
client_auth = "private_key_jwt"
signing_key_file = "src/oidc/signing/keys/p256.pem"
client_secret = "s3cret"
    -> provider.client_auth: the client secret would not be used; write client_secret_post, or leave the secret out
signing_key_file = "src/oidc/signing/keys/p256.pem"
    -> provider.signing_key_file: it is used with client_auth = "private_key_jwt" alone; write that, or leave it out
client_auth = "private_key_jwt"
signing_key_file = "/nowhere"
    -> provider.signing_key_file: /nowhere cannot be read: No such file or directory (os error 2)
client_auth = "private_key_jwt"
signing_key_file = "src/oidc/signing/keys/public.pem"
    -> provider.signing_key_file: src/oidc/signing/keys/public.pem holds no private key in PEM (-----BEGIN PRIVATE KEY-----)
client_auth = "private_key_jwt"
signing_key_file = "src/oidc/signing/keys/encrypted.pem"
    -> provider.signing_key_file: src/oidc/signing/keys/encrypted.pem holds a key under a password; write it without one: openssl pkcs8 -in KEY -out NEW
client_auth = "private_key_jwt"
signing_key_file = "src/oidc/signing/keys/rsa-1024.pem"
    -> provider.signing_key_file: src/oidc/signing/keys/rsa-1024.pem holds a key that is none of RSA (2,048 bits and more), P-256 and Ed25519
client_auth = "private_key_jwt"
signing_key = "s3cret"
    -> provider.signing_key: it holds no private key in PEM (-----BEGIN PRIVATE KEY-----)
client_auth = "private_key_jwt"
signing_key_file = "src/oidc/signing/keys/p256.pem"
signing_alg = "RS256"
    -> provider.signing_key_file: src/oidc/signing/keys/p256.pem holds a key that does not sign as provider.signing_alg says (RS256)
client_auth = "private_key_jwt"
signing_key_file = "src/oidc/signing/keys/p256.pem"
signing_key_id = " "
    -> provider.signing_key_id: it is no identifier of a key; leave it out, and it is the key's thumbprint (RFC 7638)
client_auth = "tls_client_auth"
tls_cert_file = "src/provider/tests/tls/server.pem"
    -> provider.tls_key_file: it is missing; client_auth = "tls_client_auth" needs certificate and key
tls_cert_file = "src/provider/tests/tls/server.pem"
    -> provider.tls_cert_file: it is used with client_auth = "tls_client_auth" alone; write that, or leave it out
client_auth = "tls_client_auth"
tls_cert_file = "src/provider/tests/tls/server.pem"
tls_key_file = "src/oidc/signing/keys/p256.pem"
    -> provider.tls_key_file: src/oidc/signing/keys/p256.pem is not the key of the certificate in src/provider/tests/tls/server.pem
client_auth = "tls_client_auth"
tls_cert_file = "src/provider/tests/tls/server.key"
tls_key_file = "src/provider/tests/tls/server.key"
    -> provider.tls_cert_file: src/provider/tests/tls/server.key holds no certificate in PEM: -----BEGIN CERTIFICATE----- is missing
par = "required"
    -> provider.par: it needs provider.pushed_authorization_request_endpoint
par = "always"
    -> provider.par: "always" is not known; write auto, required or off
par = "off"
pushed_authorization_request_endpoint = "https://op.mn/par"
    -> provider.pushed_authorization_request_endpoint: nothing is pushed with par = "off"; leave one of them out
"##,
    );
}
