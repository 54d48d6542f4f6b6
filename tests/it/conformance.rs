//! The relying-party modules of the OpenID Foundation's conformance suite, each as a test of its name: the whole gate, before a provider with
//! exactly that module's one deviation. `conformance/modules.toml` says what each is about; `docs/conformance.md` is made of both.

mod basic;
mod beyond;
mod discovery;
mod fapi2;
mod front;
pub mod jose;
mod logout;
mod refresh;
pub mod suite;
