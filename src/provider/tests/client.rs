//! How the client says who it is: with a key of its own.

use std::path::PathBuf;

use super::super::client::Client as Caller;
use super::super::*;
use super::world::*;

fn pem(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("src/oidc/signing/keys/{name}.pem"))
}

fn signing(name: &str) -> Signing {
    Signing { key: KeySource::File(pem(name)), key_id: None, algorithm: None }
}

pub(super) fn signs_with(settings: &mut Settings, name: &str) {
    settings.client_auth = ClientAuth::PrivateKeyJwt;
    settings.signing = Some(signing(name));
}

/// An OpenID Provider that knows this key.
pub(super) fn knows(name: &str) -> Options {
    let client = Client::signing(CLIENT, BACK, signing(name).public_jwks(None).unwrap());
    Options { clients: vec![client], ..Options::openid() }
}

#[tokio::test]
async fn whatever_its_key_the_client_signs_at_each_call_that_authenticates_it() {
    for name in ["rsa", "p256", "ed25519"] {
        let world = World::with(knows(name), |settings| signs_with(settings, name)).await;
        let SignedIn { session, tokens, .. } = world.signed_in().await;
        world.renewed(&session, &tokens).await;
        let calls = world.op.calls().of(Op::Token);
        let said: Vec<&str> = calls.iter().map(|call| call.param("client_assertion").unwrap()).collect();
        assert_eq!(said.len(), 2, "{name}");
        assert_ne!(said[0], said[1], "no assertion is used twice");
        assert!(
            calls.iter().all(|call| call.param("client_secret").is_none() && call.header("authorization").is_none())
        );
    }
}

#[tokio::test]
async fn a_key_that_the_provider_does_not_know_is_the_operators_mistake() {
    let world = World::with(knows("p256"), |settings| signs_with(settings, "ed25519")).await;
    assert!(matches!(world.sign_in().await, Err(SignInError::ClientRefused(_))));
    let world = World::with(knows("p256"), |_| ()).await;
    assert!(matches!(world.sign_in().await, Err(SignInError::ClientRefused(_))), "nothing is signed");
}

#[tokio::test]
async fn a_key_is_called_as_it_is_configured() {
    let named = Signing { key_id: Some("2026-11".to_owned()), ..signing("p256") };
    let client = Client::signing(CLIENT, BACK, named.public_jwks(None).unwrap());
    let options = Options { clients: vec![client], ..Options::openid() };
    let world = World::with(options, |settings| {
        signs_with(settings, "p256");
        settings.signing = Some(named);
    })
    .await;
    world.signed_in().await;
}

#[tokio::test]
async fn where_no_issuer_is_known_the_token_endpoint_is_the_audience() {
    let world = World::with(Options::toki(), |settings| signs_with(settings, "p256")).await;
    let (shared, metadata) = (&world.provider.shared, world.provider.shared.metadata().unwrap());
    let form = shared.client.form(&[], &metadata, world.clock.now());
    let assertion = url::form_urlencoded::parse(form.body.expose().as_bytes())
        .find(|(name, _)| name == "client_assertion")
        .map(|(_, value)| value.into_owned())
        .unwrap();
    let claims = jsonwebtoken::dangerous::insecure_decode::<serde_json::Value>(&assertion).unwrap().claims;
    assert_eq!(claims["aud"], metadata.token_endpoint.as_str());
}

#[test]
fn a_key_whose_file_changes_is_taken_and_one_that_is_none_is_not() {
    let file = std::env::temp_dir().join(format!("tokigate-signing-{}", std::process::id()));
    let write = |name: &str| std::fs::copy(pem(name), &file).unwrap();
    write("p256");
    let mut settings = World::settings("http://127.0.0.1:1");
    signs_with(&mut settings, "p256");
    settings.signing = Some(Signing { key: KeySource::File(file.clone()), key_id: None, algorithm: None });
    let caller = Caller::new(&settings).unwrap();
    write("ed25519");
    assert_eq!(caller.reread(), Ok(()));
    write("public");
    assert!(caller.reread().unwrap_err().contains("holds no private key"));
    std::fs::remove_file(&file).unwrap();
    assert!(caller.reread().unwrap_err().contains("cannot be read"));
}

/// What is logged then is that what was there stays.
#[tokio::test]
async fn a_key_beside_authorities_that_are_bad_is_not_taken() {
    let (file, authorities) = ["key", "ca"]
        .map(|name| std::env::temp_dir().join(format!("tokigate-beside-{name}-{}", std::process::id())))
        .into();
    let put_ca =
        |from: &str| std::fs::copy(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(from), &authorities).unwrap();
    std::fs::copy(pem("p256"), &file).unwrap();
    put_ca("src/provider/tests/tls/ca.pem");
    let world = World::with(Options::toki(), |settings| {
        signs_with(settings, "p256");
        settings.signing = Some(Signing { key: KeySource::File(file.clone()), key_id: None, algorithm: None });
        settings.ca_file = Some(authorities.clone());
    })
    .await;
    let (shared, metadata) = (&world.provider.shared, world.provider.shared.metadata().unwrap());
    let algorithm = || {
        let form = shared.client.form(&[], &metadata, world.clock.now());
        let mut fields = url::form_urlencoded::parse(form.body.expose().as_bytes());
        let (_, assertion) = fields.find(|(name, _)| name == "client_assertion").unwrap();
        jsonwebtoken::decode_header(&*assertion).unwrap().alg
    };
    put_ca("src/lib.rs");
    std::fs::copy(pem("ed25519"), &file).unwrap();
    assert!(shared.reread().unwrap_err().to_string().starts_with("provider.ca_file: "));
    assert_eq!(algorithm(), jsonwebtoken::Algorithm::ES256);
    put_ca("src/provider/tests/tls/ca.pem");
    shared.reread().unwrap();
    assert_eq!(algorithm(), jsonwebtoken::Algorithm::EdDSA);
    for file in [file, authorities] {
        std::fs::remove_file(file).unwrap();
    }
}

#[test]
fn a_key_that_is_none_is_said_at_the_start() {
    let mut settings = World::settings("http://127.0.0.1:1");
    signs_with(&mut settings, "public");
    let error = Caller::new(&settings).err().unwrap().to_string();
    assert!(error.starts_with("provider.signing_key: ") && error.contains("no private key"), "{error}");
}
