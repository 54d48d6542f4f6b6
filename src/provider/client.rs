//! The client, as which the gate calls the provider. Every request that authenticates it is made here.

use std::sync::Arc;

use arc_swap::ArcSwap;
use jsonwebtoken::Algorithm;

use super::settings::{KeySource, Signing};
use super::{ClientAuth, Settings, StartError, random};
use crate::clock::Timestamp;
use crate::oidc::Secret;
use crate::oidc::client::{Authentication, Form};
use crate::oidc::metadata::Metadata;
use crate::oidc::signing::{Assertion, SigningKey};

/// Who calls, and what shows it.
pub struct Client {
    id: String,
    credential: Credential,
}

enum Credential {
    /// Nothing but the name; or the certificate of the connection, which is none of the form's business.
    Named,
    Post(Secret<String>),
    Basic(Secret<String>),
    Key(Key),
}

/// A key that may be replaced while the process lives.
struct Key {
    signing: Signing,
    current: ArcSwap<SigningKey>,
}

impl Client {
    pub fn new(settings: &Settings) -> Result<Client, StartError> {
        // What lacks here `config` does not let come to that; then there is nothing to say but the name.
        let credential = match (settings.client_auth, &settings.client_secret, &settings.signing) {
            (ClientAuth::SecretPost, Some(secret), _) => Credential::Post(secret.clone()),
            (ClientAuth::SecretBasic, Some(secret), _) => Credential::Basic(secret.clone()),
            (ClientAuth::PrivateKeyJwt, _, Some(signing)) => {
                Credential::Key(Key::new(signing).map_err(StartError::SigningKey)?)
            }
            (
                ClientAuth::None
                | ClientAuth::Tls
                | ClientAuth::SecretPost
                | ClientAuth::SecretBasic
                | ClientAuth::PrivateKeyJwt,
                _,
                _,
            ) => Credential::Named,
        };
        Ok(Client { id: settings.client_id.clone(), credential })
    }

    /// A form that says who calls, for any address of the authorization server that `metadata` describes.
    pub fn form(&self, fields: &[(&str, &str)], metadata: &Metadata, now: Timestamp) -> Form {
        let assertion;
        let authentication = match &self.credential {
            Credential::Named => Authentication::Named,
            Credential::Post(secret) => Authentication::Post(secret),
            Credential::Basic(secret) => Authentication::Basic(secret),
            Credential::Key(key) => {
                assertion = key.assertion(&self.id, metadata, now);
                Authentication::Assertion(&assertion)
            }
        };
        Form::new(fields, &self.id, authentication)
    }

    /// Reads the file of its key again.
    pub fn reread(&self) -> Result<(), String> {
        match &self.credential {
            Credential::Key(key) => key.reread(),
            Credential::Named | Credential::Post(_) | Credential::Basic(_) => Ok(()),
        }
    }
}

impl Key {
    fn new(signing: &Signing) -> Result<Key, String> {
        Ok(Key { signing: signing.clone(), current: ArcSwap::from_pointee(signing.read()?) })
    }

    fn assertion(&self, client_id: &str, metadata: &Metadata, now: Timestamp) -> Secret<String> {
        let key = self.current.load();
        let algorithm = key
            .algorithm(self.signing.algorithm, metadata.client_signing_algs.as_deref())
            .expect("no other key is taken: Signing::read");
        let key_id = self.signing.key_id.clone().unwrap_or_else(|| key.thumbprint());
        let audience = metadata.issuer.as_deref().unwrap_or(metadata.token_endpoint.as_str());
        Assertion { client_id, audience, jti: random(), now }.sign(&key, algorithm, &key_id)
    }

    fn reread(&self) -> Result<(), String> {
        self.current.store(Arc::new(self.signing.read()?));
        Ok(())
    }
}

impl Signing {
    /// The key, if it can sign as it should. The error names the file, and nothing that it holds.
    pub fn read(&self) -> Result<SigningKey, String> {
        let (bytes, it) = match &self.key {
            KeySource::Given(pem) => (zeroize::Zeroizing::new(pem.expose().clone().into_bytes()), "it".to_owned()),
            KeySource::File(file) => {
                let bytes =
                    std::fs::read(file).map_err(|error| format!("{} cannot be read: {error}", file.display()))?;
                (zeroize::Zeroizing::new(bytes), file.display().to_string())
            }
        };
        let key = SigningKey::from_pem(&bytes).map_err(|why| format!("{it} {why}"))?;
        if key.algorithm(self.algorithm, None).is_none() {
            let wanted = self.algorithm.unwrap_or(Algorithm::RS256);
            return Err(format!("{it} holds a key that does not sign as provider.signing_alg says ({wanted:?})"));
        }
        Ok(key)
    }

    /// The public half, for the provider: a JWK Set (RFC 7517 §5).
    pub fn public_jwks(&self, supported: Option<&[String]>) -> Result<serde_json::Value, String> {
        let key = self.read()?;
        let algorithm = key.algorithm(self.algorithm, supported).ok_or_else(|| "it signs otherwise".to_owned())?;
        let key_id = self.key_id.clone().unwrap_or_else(|| key.thumbprint());
        Ok(serde_json::json!({ "keys": [key.public_jwk(&key_id, algorithm)] }))
    }
}
