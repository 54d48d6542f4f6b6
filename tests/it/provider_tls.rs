//! The provider over TLS: as strictly as applications (security case X-03).

use std::path::Path;

use crate::world::{BAT, Ca, PATIENCE, Reply, Signed, TlsFront, Validity, World};

/// The callback leads on.
const SIGNED_IN: u16 = 302;

/// A gate that trusts this file, and reaches its provider's token endpoint by TLS.
async fn behind(signed: Signed, ca_file: &Path) -> (World, TlsFront) {
    let mut world = World::without_gate(|_| {}).await;
    let front = TlsFront::start(signed, world.provider.address()).await;
    let endpoint = format!("\"https://localhost:{}/oauth2/token\"", front.port());
    world.setup.set("provider", "token_endpoint", &endpoint);
    world.setup.set("provider", "ca_file", &format!("{ca_file:?}"));
    world.start();
    (world, front)
}

async fn sign_in(world: &World) -> Reply {
    let browser = world.browser();
    let start = browser.load("/deep/start").await;
    let back = browser.at_provider(&start, BAT).await;
    browser.come_back(&back).await
}

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
        let (world, front) = behind(signed, &file).await;
        let done = sign_in(&world).await;
        assert_eq!((done.status, world.codes()), (status, u64::from(status == SIGNED_IN)), "{done}");
        let shaken = front.seen();
        assert_eq!(shaken.len(), usize::from(status == SIGNED_IN), "{shaken:?}");
        assert!(shaken.iter().all(|shaken| shaken.key_exchange == Some(rustls::NamedGroup::X25519MLKEM768)));
    }
    std::fs::remove_file(file).unwrap();
}

#[tokio::test]
async fn an_authority_that_changes_counts_without_a_restart() {
    let (ca, other) = (Ca::new("ours"), Ca::new("theirs"));
    let file = std::env::temp_dir().join(format!("tokigate-provider-ca-{}.pem", crate::world::free_port()));
    other.write(&file);
    let (world, _front) = behind(ca.server(&["localhost"]), &file).await;
    assert_eq!(sign_in(&world).await.status, 502);
    ca.write(&file);
    let began = tokio::time::Instant::now();
    while sign_in(&world).await.status != SIGNED_IN {
        assert!(began.elapsed() < PATIENCE, "trusted in time");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    std::fs::remove_file(file).unwrap();
}
