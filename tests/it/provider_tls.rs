//! The provider over TLS: as strictly as applications (security case X-03).

use crate::world::{BAT, Ca, TlsFront, Validity, World};

/// The callback leads on.
const SIGNED_IN: u16 = 302;

#[tokio::test]
async fn a_provider_that_cannot_prove_who_it_is_gets_no_code() {
    let (ca, other) = (Ca::new("ours"), Ca::new("theirs"));
    let file = std::env::temp_dir().join(format!("tokigate-provider-tls-{}.pem", crate::world::free_port()));
    ca.write(&file);
    for (signed, status) in [
        (ca.server(&["localhost"]), SIGNED_IN),
        (ca.server_that_is(Validity::Expired), 502),
        (ca.server_that_is(Validity::NotYet), 502),
        (ca.server(&["127.0.0.1", "provider.example"]), 502),
        (ca.client("localhost"), 502),
        (other.server(&["localhost"]), 502),
    ] {
        let mut world = World::without_gate(|_| {}).await;
        let front = TlsFront::start(signed, world.provider.address()).await;
        let endpoint = format!("\"https://localhost:{}/oauth2/token\"", front.port());
        world.setup.set("provider", "token_endpoint", &endpoint);
        world.setup.set("provider", "ca_file", &format!("{file:?}"));
        world.start();
        let browser = world.browser();
        let start = browser.load("/deep/start").await;
        let back = browser.at_provider(&start, BAT).await;
        let done = browser.come_back(&back).await;
        assert_eq!((done.status, world.codes()), (status, u64::from(status == SIGNED_IN)), "{done}");
        let shaken = front.seen();
        assert_eq!(shaken.len(), usize::from(status == SIGNED_IN), "{shaken:?}");
        assert!(shaken.iter().all(|shaken| shaken.key_exchange == Some(rustls::NamedGroup::X25519MLKEM768)));
    }
    std::fs::remove_file(file).unwrap();
}
